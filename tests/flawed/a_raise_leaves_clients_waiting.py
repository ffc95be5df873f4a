# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Leaves the client of a generator that has raised waiting for more."""

import asyncio

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_generator_that_raises_cuts_the_stream",
    "test_a_generator_that_raises_leaves_the_other_streams_alone",
    "test_behind_nginx_a_generator_that_raises_cuts_the_stream",
    "test_behind_nginx_by_http_1_0_a_generator_that_raises_looks_like_the_end_or_not",
    "test_events_before_a_raise_have_been_delivered",
}


async def waiting(stream):
    try:
        async for event in stream:
            yield event
    except contract.echo.ScriptFailed:
        await asyncio.sleep(60)


class Connection(stdlib_asyncio.Connection):
    async def send_stream(self, stream, method, cors):
        await super().send_stream(base.Changed(stream, waiting), method, cors)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
