# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Allows an origin, but not its credentials."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_page_of_an_allowed_origin_posts_and_reads_the_answer",
    "test_a_page_of_an_allowed_origin_reads_a_stream[with]",
}


def cors_headers(origin, allowed, right=contract.service.cors_headers):
    found = right(origin, allowed)
    found.pop("Access-Control-Allow-Credentials", None)
    return found


contract.service.cors_headers = cors_headers

base.run(stdlib_asyncio)
