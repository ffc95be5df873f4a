# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Answers 431, which is about header fields, to a request target that is too long."""

import dataclasses

import base
import stdlib_asyncio

CAUGHT_BY = {"test_a_request_target_too_long_is_served_or_answered_with_414"}


class Connection(stdlib_asyncio.Connection):
    async def send_answer(self, answer, *rest):
        status = 431 if answer.status == 414 else answer.status
        await super().send_answer(dataclasses.replace(answer, status=status), *rest)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
