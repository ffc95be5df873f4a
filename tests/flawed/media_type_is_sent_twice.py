# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends the framework's own media type beside the stream's, in lower case."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_the_media_type_of_a_stream_is_text_event_stream"}

contract.STREAM_HEADERS["content-type"] = "text/html; charset=utf-8"

base.run(stdlib_asyncio)
