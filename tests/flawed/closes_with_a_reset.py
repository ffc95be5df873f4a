# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Resets the connection instead of closing it in order."""

import asyncio
import socket
import struct

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_body_too_long_is_refused_without_a_reset",
    "test_a_finite_stream_is_closed_and_not_reset_when_the_client_asks",
}
MAY_TRIP = {"test_a_finite_stream_closes_the_connection_when_the_client_asks"}


class Connection(stdlib_asyncio.Connection):
    async def linger(self):
        await asyncio.sleep(0.3)  # the client reads what it was sent
        sock, at_once = self.writer.get_extra_info("socket"), struct.pack("ii", 1, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
