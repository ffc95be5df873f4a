# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps every session for good, also when nobody has used it for long."""

import base
import stdlib_asyncio

CAUGHT_BY = {"test_a_client_that_comes_back_when_told_is_served"}

stdlib_asyncio.SERVER.sessions._expire = lambda: None
base.run(stdlib_asyncio)
