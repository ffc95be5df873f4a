# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Puts a comment into an event that takes longer than the interval to send."""

import asyncio

import base
import contract
import h11
import stdlib_asyncio

CAUGHT_BY = {"test_keeping_alive_never_breaks_an_event"}


class Connection(stdlib_asyncio.Connection):
    async def send(self, event, *others):
        if isinstance(event, h11.Data):
            for at in range(0, len(event.data), 2**16):
                await self.send_or_ping(h11.Data(data=event.data[at : at + 2**16]))
        else:
            await super().send(event, *others)

    async def send_or_ping(self, part):
        try:
            await asyncio.wait_for(super().send(part), stdlib_asyncio.SERVER.options.ping)
        except TimeoutError:
            await self.send_or_ping(h11.Data(data=contract.encode(contract.event.PING)))


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
