# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps all that is published for a subscriber that reads nothing."""

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_subscriber_that_reads_nothing_costs_bounded_memory",
    "test_a_subscriber_whose_mailbox_overflows_is_cut_off_without_a_gap",
}

stdlib_asyncio.SERVER.hub._mailbox = 10**9

base.run(stdlib_asyncio)
