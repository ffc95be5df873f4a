# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Refuses an id of more than 4 KiB with 431."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_an_id_of_8_kib_is_taken_or_refused"}


def stream(self, request, right=contract.Service.stream):
    if len(request.headers.get("last-event-id", "")) > 4096:
        raise contract.Refusal(431, "the id has more than 4096 bytes")
    return right(self, request)


contract.Service.stream = stream

base.run(stdlib_asyncio)
