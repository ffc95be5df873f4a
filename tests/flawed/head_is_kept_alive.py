# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends keep-alive comments to a client that has asked by HEAD."""

import asyncio

import base
import stdlib_asyncio

CAUGHT_BY = {"test_head_gets_no_body"}
MAY_TRIP = {"test_after_head_the_connection_serves_another_request"}


class Connection(stdlib_asyncio.Connection):
    async def send_stream(self, stream, method, cors):
        await super().send_stream(stream, method, cors)
        if method == "HEAD":
            ping_s = stdlib_asyncio.SERVER.options.ping
            asyncio.get_running_loop().call_later(ping_s, self.writer.write, b": ping\n\n")


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
