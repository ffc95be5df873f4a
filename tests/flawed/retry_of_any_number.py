# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Takes any number for a reconnection time."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_reconnection_time_on_the_wire_is_digits_whatever_it_was",
    "test_a_reconnection_time_that_is_no_whole_number_is_refused",
    "test_a_value_no_wire_can_carry_is_refused_altered_or_lost[retry-negative]",
}


def unfit(event, right=contract.unfit):
    return right(replace(event, retry=None) if isinstance(event.retry, int | float) else event)


contract.echo.unfit = unfit
base.run(stdlib_asyncio)
