# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Ends a 204 by the last chunk of a body that it has not."""

import base
import stdlib_asyncio

CAUGHT_BY = {"test_after_a_204_the_connection_serves_another_request"}


class Connection(stdlib_asyncio.Connection):
    async def send_answer(self, answer, cors, method=""):
        await super().send_answer(answer, cors, method)
        if answer.status == 204:
            self.writer.write(b"0\r\n\r\n")


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
