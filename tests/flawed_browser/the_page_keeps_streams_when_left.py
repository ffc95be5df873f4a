# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Has its page keep its streams when nobody sees it."""

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_page_that_is_left_closes_its_streams_and_opens_them_on_return",
}

base.change_page(
    "if (document.hidden) {",
    "if (false) {",
)

base.run(stdlib_asyncio)
