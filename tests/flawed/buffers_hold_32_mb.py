# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Lets 32 MB of ticks wait for each client that does not read."""

import base
import stdlib_asyncio

CAUGHT_BY = {"test_a_client_that_reads_nothing_costs_bounded_memory"}


class Connection(stdlib_asyncio.Connection):
    async def ask(self, head):
        if head.target.startswith(b"/events/ticks"):
            self.writer.transport.set_write_buffer_limits(2**25)
        return await super().ask(head)


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
