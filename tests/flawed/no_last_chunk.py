# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Closes the connection instead of ending a response that has had no body."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_finite_stream_closes_the_connection_when_the_client_asks",
    "test_a_finite_stream_ends_whole",
    "test_a_finite_stream_is_closed_and_not_reset_when_the_client_asks",
    "test_after_a_finite_stream_the_connection_serves_another_request",
    "test_after_head_the_connection_serves_another_request",
}


class Connection(stdlib_asyncio.Connection):
    empty = False

    async def send(self, *events):
        if self.empty and isinstance(events[0], h11.EndOfMessage):
            raise ConnectionAbortedError("nothing to send")
        self.empty = isinstance(events[-1], h11.Response)
        await super().send(*events)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
