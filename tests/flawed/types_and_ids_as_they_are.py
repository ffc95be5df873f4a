# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Writes event types and ids as they are, whatever they hold."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_value_no_wire_can_carry_is_refused_altered_or_lost",
    "test_an_end_of_line_after_a_value_does_not_split_its_block",
    "test_an_end_of_line_in_a_field_is_refused",
    "test_an_id_with_nul_is_refused",
    "test_no_field_smuggles_another_past_an_end_of_line",
}


def unfit(event, right=contract.unfit):
    return right(replace(event, event=None, id=None))


contract.echo.unfit = unfit
base.run(stdlib_asyncio)
