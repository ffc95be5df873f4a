# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Tells caches and proxies nothing of what they should do with a stream."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_stream_tells_caches_and_proxies_what_to_do", "test_an_empty_stream_has_a_size"}

del contract.STREAM_HEADERS["Cache-Control"], contract.STREAM_HEADERS["X-Accel-Buffering"]

base.run(stdlib_asyncio)
