# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps a request's headers in a dict, so that of two with one name only one is seen."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_body_of_no_certain_length_is_a_bad_request[lengths-differ]",
    "test_a_request_without_one_host_is_a_bad_request[two]",
}


def headers(lines, right=h11._readers._decode_header_lines):
    return dict(reversed([*right(lines)])).items()


h11._readers._decode_header_lines = headers
base.run(stdlib_asyncio)
