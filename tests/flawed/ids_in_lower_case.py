# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Writes ids in lower case."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_an_id_comes_out_as_it_went_in[mixed-case]"}
MAY_TRIP = {"test_random_scripts_come_out_as_they_went_in"}


def encode(event, right=contract.encode):
    return right(replace(event, id=event.id and event.id.lower()))


contract.encode = encode
base.run(stdlib_asyncio)
