# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Allows whoever asks, by sending its origin back."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_page_of_another_origin_reads_nothing",
}


def cors_headers(origin, allowed, right=contract.service.cors_headers):
    return right(origin, [origin] if origin else allowed)


contract.service.cors_headers = cors_headers

base.run(stdlib_asyncio)
