# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Leaves Nagle's algorithm on, which asyncio turns off."""

import socket

import base
import stdlib_asyncio

CAUGHT_BY = {"test_an_event_does_not_wait_for_the_acknowledgement_of_the_one_before"}


class Connection(stdlib_asyncio.Connection):
    def __init__(self, reader, writer):
        super().__init__(reader, writer)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
