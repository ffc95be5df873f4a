# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Splits data at every line end Python knows, as str.splitlines() does."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_broadcast_event_keeps_its_type_and_data",
    "test_a_poll_brings_what_a_stream_brings_after_the_same_id",
    "test_data_that_looks_like_syntax_stays_data",
    "test_each_line_of_data_is_a_data_field",
    "test_only_cr_and_lf_end_a_line",
}
MAY_TRIP = {"test_random_scripts_come_out_as_they_went_in"}


def encode(event, right=contract.encode):
    data = None if event.data is None else "\n".join(contract.event.text(event.data).splitlines())
    return right(contract.Event(data, event.event, event.id, event.retry, event.comment))


contract.encode = encode
base.run(stdlib_asyncio)
