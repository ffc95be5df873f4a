# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps each event of a script back until the next one, or the end, is there."""

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_an_event_does_not_wait_for_the_acknowledgement_of_the_one_before",
    "test_an_offer_to_compress_delays_no_event",
    "test_each_event_is_read_before_the_next_is_due",
    "test_events_before_a_raise_have_been_delivered",
}

base.one_behind("/events/echo")
base.run(stdlib_asyncio)
