# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Has its page say that it is live, whatever becomes of the stream."""

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_the_page_says_that_its_server_is_gone_and_that_it_is_back",
}

base.change_page(
    'if (source.readyState === EventSource.CONNECTING) this.say("reconnecting");',
    'if (source.readyState === EventSource.CONNECTING) this.say("live");',
)

base.run(stdlib_asyncio)
