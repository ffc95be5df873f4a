# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Answers 500 to an id that it does not know."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_client_cut_off_right_after_a_reset_resumes_from_it",
    "test_a_reset_tells_from_where_to_where_events_are_kept",
    "test_a_resumed_stream_begins_as_a_new_one",
    "test_an_evicted_id_is_told_by_a_reset_and_gets_all_that_is_kept",
    "test_an_id_from_before_a_restart_is_told_by_a_reset",
    "test_an_id_of_one_topic_is_not_known_in_another",
    "test_an_id_that_is_not_known_is_told_by_a_reset",
    "test_an_odd_id_is_no_fault_of_the_server",
    "test_the_reconnection_time_is_announced_before_anything_else",
}


def plan(self, name, id, right=contract.hub.Hub.plan):
    if self._topic(name).after(id).reset:
        raise contract.Refusal(500, "the id is not known")
    return right(self, name, id)


contract.hub.Hub.plan = plan

base.run(stdlib_asyncio)
