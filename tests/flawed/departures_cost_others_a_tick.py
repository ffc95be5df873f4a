# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Loses a tick on every other stream when a client leaves."""

import asyncio

import base
import stdlib_asyncio

CAUGHT_BY = {"test_a_stream_beside_clients_that_leave_misses_nothing"}


class Connection(stdlib_asyncio.Connection):
    left, seen = 0, 0

    async def send(self, *events):
        lost = self.seen < Connection.left and b'"due_ns"' in getattr(events[0], "data", b"")
        self.seen = Connection.left
        if not lost:
            await super().send(*events)

    async def send_stream(self, *arguments):
        try:
            await super().send_stream(*arguments)
        except asyncio.CancelledError:
            Connection.left += 1
            raise


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
