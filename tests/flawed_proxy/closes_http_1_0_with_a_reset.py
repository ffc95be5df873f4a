# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Ends a stream for an HTTP/1.0 client by a reset."""

import socket
import struct

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_behind_nginx_a_finite_stream_is_whole[defaults]",
}
MAY_TRIP = {
    "test_behind_nginx_a_204_passes",
    "test_behind_nginx_by_http_1_0_a_generator_that_raises_looks_like_the_end_or_not",
    "test_behind_nginx_each_token_of_an_answer_is_read_before_the_next_is_due",
}


class Connection(stdlib_asyncio.Connection):
    async def send_stream(self, stream, method, cors):
        await super().send_stream(stream, method, cors)
        if self.http.their_http_version == b"1.0" and method != "HEAD":
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.writer.transport.abort()


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
