# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Does not close the connection of a stream whose client has left."""

import asyncio

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_clients_that_have_left_leave_no_file_open",
    "test_no_socket_is_kept_of_a_client_that_left",
    "test_two_hundred_clients_leave_nothing_behind[descriptors]",
}
WRITERS = []


class Connection(stdlib_asyncio.Connection):
    async def send_stream(self, *arguments):
        try:
            await super().send_stream(*arguments)
        except asyncio.CancelledError:
            WRITERS.append(self.writer)
            self.writer.close = lambda: None
            raise


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
