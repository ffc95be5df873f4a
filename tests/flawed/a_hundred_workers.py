# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Serves a hundred connections at a time; those that say nothing take a place as well."""

import asyncio

import base
import stdlib_asyncio

CAUGHT_BY = {"test_clients_that_stop_in_the_middle_hold_nobody_up"}


class Connection(stdlib_asyncio.Connection):
    async def serve(self):
        async with WORKERS:
            await super().serve()


WORKERS = asyncio.Semaphore(100)
stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
