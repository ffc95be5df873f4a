# /// script
# requires-python = ">=3.11"
# dependencies = ["quart", "hypercorn", "psutil"]
# ///
"""Does not tell the streams of an HTTP/2 connection that it is lost."""

import base
import quart_hypercorn
from hypercorn.events import Closed
from hypercorn.protocol.h2 import H2Protocol

CAUGHT_BY = {
    "test_over_http_2_all_streams_end_with_their_connection",
}


async def handle(self, event, right=H2Protocol.handle):
    if not isinstance(event, Closed):
        await right(self, event)


H2Protocol.handle = handle

base.run(quart_hypercorn)
