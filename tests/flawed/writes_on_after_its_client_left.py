# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Goes on counting when its client has left, and swallows the error of each write."""

from contextlib import nullcontext, suppress

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_demo_stops_when_its_client_leaves"}


ENDLESS = []


def stream(self, request, right=contract.Service.stream):
    made = right(self, request)
    ENDLESS.extend([made] if request.path in ("/events/counter", "/events/resilient") else [])
    return made


class Connection(stdlib_asyncio.Connection):
    swallows = False

    async def ask(self, head):
        method, answer, cors = await super().ask(head)
        self.swallows = answer in ENDLESS
        return method, answer, cors

    async def unless_gone(self, coroutine):
        return await (coroutine if self.swallows else super().unless_gone(coroutine))

    async def send(self, *events):
        with suppress(ConnectionError) if self.swallows else nullcontext():
            await super().send(*events)


contract.Service.stream = stream
stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
