# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Answers 500 to a header that is larger than its buffer."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_64_kib_of_header_are_served_or_refused"}


class Connection(stdlib_asyncio.Connection):
    async def ask(self, head):
        if sum(len(name) + len(value) for name, value in head.headers) > 2**15:
            return head.method.decode(), contract.Answer(500, {"error": "Internal Server Error"}), {}
        return await super().ask(head)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
