# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Has its page's buttons stop what is shown, not the stream."""

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_page_that_is_left_closes_its_streams_and_opens_them_on_return",
    "test_a_stopped_demonstration_is_over_at_the_server_too",
}

base.change_page(
    'stop(note = "") {\n    this.turn++;\n    this.source?.close();',
    'stop(note = "") {\n    this.turn++;',
)

base.run(stdlib_asyncio)
