# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Replays the event that its client has seen last, too."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_client_that_was_cut_off_resumes_without_loss",
    "test_a_held_poll_answers_as_soon_as_an_event_comes",
    "test_a_held_poll_ends_empty_when_its_wait_is_over_and_not_before",
    "test_a_hundred_clients_resume_at_once_each_from_its_own_id",
    "test_a_poll_brings_what_a_stream_brings_after_the_same_id",
    "test_a_replayed_event_is_what_it_was",
    "test_a_topic_with_a_subscriber_is_never_dropped",
    "test_after_an_id_come_exactly_the_events_missed_once_and_in_order",
    "test_an_id_beyond_ascii_is_resumed_from",
    "test_an_id_in_the_address_is_resumed_from",
    "test_nothing_is_lost_or_doubled_while_reconnecting_under_fire",
    "test_polls_one_after_the_other_lose_and_repeat_nothing",
    "test_the_id_in_the_header_goes_before_the_one_in_the_address",
    "test_the_same_id_brings_the_same_events_again",
    "test_what_is_published_during_a_replay_comes_behind_it_once",
}


def after(self, id, right=contract.hub.Topic.after):
    found = right(self, id)
    first = max(0, len(self.kept) - len(found.events) - 1)
    return found._replace(events=list(self.kept)[first:]) if id else found


contract.hub.Topic.after = after

base.run(stdlib_asyncio)
