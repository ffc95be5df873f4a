# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends ticks from now on, whatever the client has seen."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_no_tick_is_missing_among_six_hundred",
    "test_ticks_are_the_same_for_who_polls",
    "test_ticks_go_on_after_the_last_event_id",
}
MAY_TRIP = {"test_a_hundred_streams_at_once_get_every_tick"}

contract.ticks.Clock.next_after = lambda clock, id: clock.newest + 1
base.run(stdlib_asyncio)
