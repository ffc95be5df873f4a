# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Leaves out silently what no wire can carry."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_lone_surrogate_is_refused",
    "test_a_reconnection_time_that_is_no_whole_number_is_refused",
    "test_a_value_no_wire_can_carry_is_refused_altered_or_lost",
    "test_an_end_of_line_in_a_field_is_refused",
    "test_an_id_with_nul_costs_no_event_and_changes_no_other_field",
    "test_an_id_with_nul_is_refused",
}


def encode(event, right=contract.encode):
    return b"" if contract.unfit(event) else right(event)


contract.encode = encode
stdlib_asyncio.SERVER.encoder = "lenient"  # the route leaves such values to it
base.run(stdlib_asyncio)
