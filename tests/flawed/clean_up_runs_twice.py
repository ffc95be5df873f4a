# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Runs the clean-up of each stream twice."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_demo_stops_when_its_client_leaves",
    "test_clean_up_runs_once_for_each_client_that_left",
    "test_clean_up_runs_once_for_each_of_two_hundred_clients",
}
MAY_TRIP = {"test_a_client_that_vanishes_is_noticed_in_the_time_the_server_claims"}


def leave(self, name, wake, right=contract.counts.Presence.leave):
    right(self, name, wake)
    right(self, name, wake)


contract.counts.Presence.leave = leave

base.run(stdlib_asyncio)
