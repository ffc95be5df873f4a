# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Runs the whole stream for a HEAD and throws its events away."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {
    "test_after_head_the_connection_serves_another_request",
    "test_behind_nginx_head_is_answered_and_opens_no_stream",
    "test_head_leaves_no_stream_open",
}


class Connection(stdlib_asyncio.Connection):
    async def send(self, *events):
        if isinstance(events[0], h11.EndOfMessage) and self.running:
            async for _ in self.running:
                pass
        await super().send(*events)

    async def send_stream(self, stream, method, cors):
        self.running = stream if method == "HEAD" else None
        await super().send_stream(stream, method, cors)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
