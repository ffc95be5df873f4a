# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Has its page write what it is given as HTML."""

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_markup_in_the_chat_is_text",
}

base.change_page(
    "element.textContent = text; };",
    "element.innerHTML = text; };",
)

base.run(stdlib_asyncio)
