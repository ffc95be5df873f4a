# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Opens a file for each stream and does not close it."""

import os

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_clients_that_have_left_leave_no_file_open",
    "test_two_hundred_clients_leave_nothing_behind[descriptors]",
}


class Connection(stdlib_asyncio.Connection):
    async def send_stream(self, *arguments):
        os.open(os.devnull, os.O_WRONLY)
        await super().send_stream(*arguments)


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
