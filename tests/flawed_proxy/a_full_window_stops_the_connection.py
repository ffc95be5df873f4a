# /// script
# requires-python = ">=3.11"
# dependencies = ["quart", "hypercorn", "psutil"]
# ///
"""Waits for the reader of one stream before it goes on with the others."""

import asyncio

import base
import h2.exceptions
import quart_hypercorn
from hypercorn.protocol.h2 import H2Protocol

CAUGHT_BY = {
    "test_over_http_2_a_stream_that_is_not_read_holds_up_no_other",
}


async def send_data(self, stream_id, right=H2Protocol._send_data):
    try:
        while self.stream_buffers[stream_id].buffer and not self.connection.local_flow_control_window(
            stream_id
        ):
            await asyncio.sleep(0.01)
    except (KeyError, h2.exceptions.ProtocolError):
        pass
    await right(self, stream_id)


H2Protocol._send_data = send_data

base.run(quart_hypercorn)
