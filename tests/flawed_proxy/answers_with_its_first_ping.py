# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps the head of a stream, and the block with the reconnection time, until there is something to say."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {
    "test_behind_nginx_a_stream_answers_before_its_first_event",
}


class Connection(stdlib_asyncio.Connection):
    held, chunks = (), 0

    async def send(self, *events):
        self.chunks = 0 if isinstance(events[0], h11.Response) else self.chunks + 1
        self.held = (*self.held, *events)
        first = isinstance(events[-1], h11.Response) or b"retry" in getattr(events[-1], "data", b"")[:5]
        if not first:
            held, self.held = self.held, ()
            await super().send(*held)


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
