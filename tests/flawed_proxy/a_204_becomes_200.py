# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Answers 200 with an empty body where 204 would stop an EventSource."""

from dataclasses import replace

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_behind_nginx_a_204_passes",
}


class Connection(stdlib_asyncio.Connection):
    async def send_answer(self, answer, cors, method=""):
        if answer.status == 204 and "Access-Control-Allow-Methods" not in answer.headers:
            answer = replace(answer, status=200)
        await super().send_answer(answer, cors, method)


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
