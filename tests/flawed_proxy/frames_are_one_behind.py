# /// script
# requires-python = ">=3.11"
# dependencies = ["quart", "hypercorn", "psutil"]
# ///
"""Keeps what is to be sent over HTTP/2 back until there is more of it."""

import base
import quart_hypercorn
from hypercorn.protocol.events import Body, EndBody
from hypercorn.protocol.h2 import H2Protocol

CAUGHT_BY = {
    "test_over_http_2_each_event_is_read_before_the_next_is_due",
    "test_over_http_2_a_cancelled_stream_ends_and_no_other",
    "test_over_http_2_a_stream_that_is_not_read_holds_up_no_other",
    "test_over_http_2_an_id_beyond_ascii_is_resumed_from",
    "test_over_http_2_one_connection_carries_thirty_streams",
}


async def stream_send(self, event, right=H2Protocol.stream_send):
    held = self.__dict__.setdefault("held", {})
    if isinstance(event, Body) and event.data.startswith(b"data:"):
        held[event.stream_id], event = event, held.get(event.stream_id)
    elif isinstance(event, EndBody) and event.stream_id in held:
        await right(self, held.pop(event.stream_id))
    if event:
        await right(self, event)


H2Protocol.stream_send = stream_send

base.run(quart_hypercorn)
