# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Says in its answer to HEAD that a stream has 0 bytes."""

import base
import stdlib_asyncio

CAUGHT_BY = {"test_head_has_no_length_that_get_has_not"}


class Connection(stdlib_asyncio.Connection):
    async def send_stream(self, stream, method, cors):
        length = {"Content-Length": "0"} if method == "HEAD" else {}
        await super().send_stream(stream, method, {**cors, **length})


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
