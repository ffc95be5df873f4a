# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Opens a stream to say in an event that there is none."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_what_is_no_stream_closes_it_at_once[404]",
    "test_what_is_no_stream_closes_it_at_once[405]",
    "test_what_is_no_stream_closes_it_at_once[422]",
}


class Connection(stdlib_asyncio.Connection):
    async def send_answer(self, answer, cors, method=""):
        if answer.status in (404, 405, 422):
            answer = contract.Answer(200, answer.value, contract.STREAM_HEADERS)
        await super().send_answer(answer, cors, method)


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
