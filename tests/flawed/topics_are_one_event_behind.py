# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps each event of a topic back until something else is to be sent."""

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_published_event_is_read_before_a_comment_could_push_it_out",
    "test_a_published_event_is_read_before_the_next_comment_could_push_it_out",
}

base.one_behind("/events/topic")
base.run(stdlib_asyncio)
