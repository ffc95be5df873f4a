# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Replays the newest event first."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_client_cut_off_right_after_a_reset_resumes_from_it",
    "test_a_client_that_was_cut_off_resumes_without_loss",
    "test_a_hundred_clients_resume_at_once_each_from_its_own_id",
    "test_a_poll_is_told_of_an_unknown_id_by_a_reset",
    "test_a_replayed_event_is_what_it_was",
    "test_after_an_id_come_exactly_the_events_missed_once_and_in_order",
    "test_an_evicted_id_is_told_by_a_reset_and_gets_all_that_is_kept",
    "test_an_id_beyond_ascii_is_resumed_from",
    "test_an_id_from_before_a_restart_is_told_by_a_reset",
    "test_an_id_in_the_address_is_resumed_from",
    "test_an_id_of_one_topic_is_not_known_in_another",
    "test_an_id_that_is_not_known_is_told_by_a_reset",
    "test_nothing_is_lost_or_doubled_while_reconnecting_under_fire",
    "test_polls_one_after_the_other_lose_and_repeat_nothing",
    "test_the_id_in_the_header_goes_before_the_one_in_the_address",
    "test_the_id_right_before_what_is_kept_has_missed_nothing",
    "test_the_same_id_brings_the_same_events_again",
    "test_what_is_published_during_a_replay_comes_behind_it_once",
}


def after(self, id, right=contract.hub.Topic.after):
    found = right(self, id)
    return found._replace(events=found.events[::-1])


contract.hub.Topic.after = after

base.run(stdlib_asyncio)
