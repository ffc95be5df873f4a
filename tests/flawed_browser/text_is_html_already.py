# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Writes markup as character references, as if every client were a page."""

import html
from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_text_that_goes_in_comes_out_in_the_page[markup]",
}


def encode(event, right=contract.encode):
    return right(
        replace(event, data=event.data and html.escape(contract.event.text(event.data), quote=False))
    )


contract.encode = encode

base.run(stdlib_asyncio)
