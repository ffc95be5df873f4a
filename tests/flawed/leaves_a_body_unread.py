# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Closes on a body that it has refused and not read."""

import base
import stdlib_asyncio

CAUGHT_BY = {"test_a_body_too_long_is_refused_without_a_reset"}


class Connection(stdlib_asyncio.Connection):
    async def linger(self):
        pass


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
