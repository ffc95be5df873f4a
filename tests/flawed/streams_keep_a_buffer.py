# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps a buffer of 64 KiB of each stream."""

import base
import stdlib_asyncio

CAUGHT_BY = {"test_two_hundred_clients_leave_memory_as_it_was"}
BUFFERS = []


class Connection(stdlib_asyncio.Connection):
    async def send_stream(self, *arguments):
        BUFFERS.append(bytearray(b"x" * 2**16))
        await super().send_stream(*arguments)


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
