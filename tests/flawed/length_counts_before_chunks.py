# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Goes by the Content-Length of a request that says it is chunked too."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {"test_a_body_with_a_length_and_chunks_ends_the_connection"}


def headers(lines, right=h11._readers._decode_header_lines):
    found = [*right(lines)]
    long = any(name.lower() == b"content-length" for name, _ in found)
    return [one for one in found if not long or one[0].lower() != b"transfer-encoding"]


h11._readers._decode_header_lines = headers
base.run(stdlib_asyncio)
