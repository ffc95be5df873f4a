# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Cuts a body off at the limit and takes it for whole."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_body_announced_too_large_is_refused_before_it_is_sent",
    "test_a_body_one_byte_too_large_is_refused_as_too_large",
    "test_a_refusal_tells_its_cause_by_status_and_has_a_media_type",
}


async def read_body(path, headers, chunks):
    limit, body = contract.body_limit(path), bytearray()
    async for chunk in chunks:
        body += chunk[: limit - len(body)]
    return bytes(body)


contract.read_body = read_body
base.run(stdlib_asyncio)
