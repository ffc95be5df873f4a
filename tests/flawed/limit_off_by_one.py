# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Refuses a body that has exactly as many bytes as are allowed."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_body_of_exactly_the_limit_is_taken"}


def check_length(path, length, right=contract.message.check_length):
    right(path, length + 1)


contract.message.check_length = check_length
base.run(stdlib_asyncio)
