# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Answers each pipelined request in a task of its own, in whatever order they are done."""

import asyncio
import re

import base
import stdlib_asyncio

CAUGHT_BY = {"test_pipelined_requests_are_answered_in_order"}
MAY_TRIP = {"test_a_body_with_a_length_and_chunks_ends_the_connection"}


class Connection(stdlib_asyncio.Connection):
    async def serve(self):
        *requests, last = re.split(rb"(?<=\r\n\r\n)(?=GET )", await self.reader.read(2**16))
        for request in requests:
            reader = asyncio.StreamReader()
            reader.feed_data(request)
            TASKS.append(asyncio.create_task(One(reader, self.writer).serve()))
        self.http.receive_data(last)
        await super().serve()


TASKS, One = [], stdlib_asyncio.Connection
stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
