# /// script
# requires-python = ">=3.11"
# dependencies = ["quart", "hypercorn", "psutil"]
# ///
"""Never says END_STREAM."""

import base
import quart_hypercorn
from hypercorn.protocol.events import EndBody
from hypercorn.protocol.h2 import H2Protocol

CAUGHT_BY = {
    "test_over_http_2_a_finite_stream_is_whole",
    "test_over_http_2_head_is_answered_and_opens_no_stream",
    "test_over_http_2_a_204_ends_a_stream_for_good",
    "test_over_http_2_a_refusal_is_whole",
}


async def stream_send(self, event, right=H2Protocol.stream_send):
    if not isinstance(event, EndBody):
        await right(self, event)


H2Protocol.stream_send = stream_send

base.run(quart_hypercorn)
