# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Puts the CORS headers on what has a body only."""

import base
import stdlib_asyncio

CAUGHT_BY = {"test_a_page_of_an_allowed_origin_may_read_the_answer[ended]"}


class Connection(stdlib_asyncio.Connection):
    async def send_answer(self, answer, cors, method=""):
        wanted = answer.body or method == "OPTIONS"
        await super().send_answer(answer, cors if wanted else {}, method)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
