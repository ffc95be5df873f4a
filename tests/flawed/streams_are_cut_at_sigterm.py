# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Cuts its streams off at SIGTERM, without their last chunk."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_server_ends_at_sigint_with_open_streams",
    "test_streams_open_at_sigterm_come_to_a_clean_end",
}

contract.GRACE_S = 0
stdlib_asyncio.SERVER.stop = lambda: None

base.run(stdlib_asyncio)
