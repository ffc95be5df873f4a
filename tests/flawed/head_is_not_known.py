# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Allows GET for a stream and refuses HEAD."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_405_lists_the_methods_allowed",
    "test_head_has_the_headers_of_get",
    "test_head_is_answered_with_the_status_of_get",
}

for name, methods in contract.service.STREAMS.items():
    contract.service.STREAMS[name] = tuple(method for method in methods if method != "HEAD")

base.run(stdlib_asyncio)
