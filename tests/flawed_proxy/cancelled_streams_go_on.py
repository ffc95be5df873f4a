# /// script
# requires-python = ">=3.11"
# dependencies = ["quart", "hypercorn", "psutil"]
# ///
"""Does not heed RST_STREAM."""

import base
import h2.events
import quart_hypercorn
from hypercorn.protocol.h2 import H2Protocol

CAUGHT_BY = {
    "test_over_http_2_a_cancelled_stream_ends_and_no_other",
}


async def handle_events(self, events, right=H2Protocol._handle_events):
    await right(self, [event for event in events if not isinstance(event, h2.events.StreamReset)])


H2Protocol._handle_events = handle_events

base.run(quart_hypercorn)
