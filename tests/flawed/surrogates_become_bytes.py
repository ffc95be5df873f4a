# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Writes some lone surrogates as single bytes, as Python does for file names."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_lone_surrogate_is_never_written_as_bad_utf_8", "test_a_lone_surrogate_is_refused"}


def encode(event, right=contract.encode):
    try:
        return right(event)
    except UnicodeEncodeError as error:
        return error.object.encode(errors="surrogateescape")


contract.encode = encode
contract.event._is_unicode = lambda value: True
base.run(stdlib_asyncio)
