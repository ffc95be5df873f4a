# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Decodes each piece of a body by itself, with a replacement character for what is cut."""

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_body_that_cannot_be_read_is_the_clients_error[bytes-json]",
    "test_a_request_sent_byte_by_byte_is_served",
}


class Connection(stdlib_asyncio.Connection):
    async def body(self):
        async for piece in super().body():
            yield piece.decode(errors="replace").encode()


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
