# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Writes a script's comment as a field of a name that the standard does not know."""

import re

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_each_line_of_a_comment_reaches_the_wire", "test_the_wire_holds_no_field_but_the_standards"}


def encode(event, right=contract.encode):
    block = right(event)
    return block if event is contract.event.PING else re.sub(rb"^: ", b"comment: ", block, flags=re.MULTILINE)


contract.encode = encode
base.run(stdlib_asyncio)
