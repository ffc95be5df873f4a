# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Goes on from now after an id that it does not know."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_client_cut_off_right_after_a_reset_resumes_from_it",
    "test_a_poll_is_told_of_an_unknown_id_by_a_reset",
    "test_a_reset_tells_from_where_to_where_events_are_kept",
    "test_an_evicted_id_is_told_by_a_reset_and_gets_all_that_is_kept",
    "test_an_id_from_before_a_restart_is_told_by_a_reset",
    "test_an_id_of_one_topic_is_not_known_in_another",
    "test_an_id_that_is_not_known_is_told_by_a_reset",
    "test_the_topics_of_a_server_are_bounded",
}


def after(self, id, right=contract.hub.Topic.after):
    found = right(self, id)
    return right(self, None) if found.reset else found


contract.hub.Topic.after = after

base.run(stdlib_asyncio)
