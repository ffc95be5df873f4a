# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Takes an end of line off the end of data, as loops over splitlines() do."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_broadcast_event_keeps_its_type_and_data",
    "test_data_that_looks_like_syntax_stays_data[all-of-a-block]",
    "test_each_line_of_data_is_a_data_field",
    "test_one_event_of_many_mebibytes_comes_out_whole",
}
MAY_TRIP = {"test_random_scripts_come_out_as_they_went_in"}


def encode(event, right=contract.encode):
    if isinstance(event.data, str) and event.data.endswith(("\r", "\n")):
        event = replace(event, data=event.data.removesuffix("\n").removesuffix("\r"))
    return right(event)


contract.encode = encode
base.run(stdlib_asyncio)
