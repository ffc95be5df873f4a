# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Takes every client for one of HTTP/1.1 and sends chunks to the old ones."""

import base
import stdlib_asyncio

CAUGHT_BY = {"test_an_old_http_client_gets_no_transfer_coding"}


class Connection(stdlib_asyncio.Connection):
    async def next_event(self):
        event = await super().next_event()
        self.http.their_http_version = b"1.1"
        return event


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
