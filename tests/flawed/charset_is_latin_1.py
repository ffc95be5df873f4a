# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Declares its streams to be ISO-8859-1, though they are UTF-8."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_charset_of_a_stream_is_utf_8"}

contract.STREAM_HEADERS["Content-Type"] = "text/event-stream; charset=ISO-8859-1"

base.run(stdlib_asyncio)
