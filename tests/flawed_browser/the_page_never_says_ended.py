# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Has its page call a stream that was ended one that reconnects."""

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_streams_that_have_ended_are_shown_as_ended",
}

base.change_page(
    'if (source.readyState === EventSource.CONNECTING) this.say("reconnecting");',
    'if (opened) this.say("reconnecting");',
)

base.run(stdlib_asyncio)
