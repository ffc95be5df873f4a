# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Asks the socket of a chat whose client has left again and again, for 5 s."""

import asyncio
import time

import base
import stdlib_asyncio

CAUGHT_BY = {"test_a_server_is_idle_once_its_clients_have_left"}
TASKS = []


async def ask_again(reader):
    until_s = time.monotonic() + 5
    while reader.at_eof() and time.monotonic() < until_s:
        await asyncio.sleep(0)


class Connection(stdlib_asyncio.Connection):
    async def ask(self, head):
        self.chat = head.target.startswith(b"/events/chat")
        return await super().ask(head)

    async def send_stream(self, *arguments):
        try:
            await super().send_stream(*arguments)
        except asyncio.CancelledError:
            if self.chat:
                TASKS.append(asyncio.create_task(ask_again(self.reader)))
            raise


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
