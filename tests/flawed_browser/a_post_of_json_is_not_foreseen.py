# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Forgets Content-Type among the headers a page may send."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_page_of_an_allowed_origin_posts_and_reads_the_answer",
}

contract.cors._PREFLIGHT["Access-Control-Allow-Headers"] = "Last-Event-ID"

base.run(stdlib_asyncio)
