# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Writes a byte order mark before each event that is not all ASCII."""

import codecs

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_broadcast_event_keeps_its_type_and_data",
    "test_a_poll_brings_what_a_stream_brings_after_the_same_id",
    "test_a_replayed_event_is_what_it_was",
    "test_an_id_beyond_ascii_is_resumed_from",
    "test_topics_do_not_leak_into_each_other",
}
MAY_TRIP = {"test_random_scripts_come_out_as_they_went_in"}


def encode(event, right=contract.encode):
    block = right(event)
    return block if block.isascii() else codecs.BOM_UTF8 + block


contract.encode = encode
base.run(stdlib_asyncio)
