# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Leaves a thread behind of each stream."""

import threading

import base
import stdlib_asyncio

CAUGHT_BY = {"test_two_hundred_clients_leave_nothing_behind[threads]"}


class Connection(stdlib_asyncio.Connection):
    async def send_stream(self, *arguments):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        await super().send_stream(*arguments)


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
