# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Writes no blank line behind a block that has no data."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_an_event_type_does_not_leak_into_the_next_event",
    "test_the_body_of_an_endless_stream_fits_the_grammar[topic]",
    "test_the_whole_body_fits_the_grammar[each-field-alone]",
}
MAY_TRIP = {"test_random_scripts_come_out_as_they_went_in"}


def encode(event, right=contract.encode):
    block = right(event)
    return block.removesuffix(b"\n") if event.data is None else block


contract.encode = encode
base.run(stdlib_asyncio)
