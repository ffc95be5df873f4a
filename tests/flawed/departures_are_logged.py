# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Logs the departure of each client with a traceback."""

import asyncio
import logging

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_server_logs_no_traceback_when_clients_leave",
    "test_a_server_logs_no_traceback_when_it_ends",
}


class Connection(stdlib_asyncio.Connection):
    async def send_stream(self, *arguments):
        try:
            await super().send_stream(*arguments)
        except asyncio.CancelledError:
            logging.exception("cannot send")
            raise


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
