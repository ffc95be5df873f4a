# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Gives a subscriber the event first that came last."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_broadcast_event_keeps_its_type_and_data",
    "test_a_replayed_event_is_what_it_was",
    "test_after_an_id_come_exactly_the_events_missed_once_and_in_order",
    "test_an_empty_id_is_no_id",
    "test_an_id_beyond_ascii_is_resumed_from",
    "test_an_id_in_the_address_is_resumed_from",
    "test_an_id_of_one_topic_is_not_known_in_another",
    "test_behind_nginx_a_hundred_events_reach_each_subscriber_in_order",
    "test_events_published_in_one_list_keep_their_order",
    "test_the_id_in_the_header_goes_before_the_one_in_the_address",
    "test_without_an_id_only_what_comes_is_sent",
}
MAY_TRIP = {
    "test_behind_an_nginx_that_is_restarted_a_client_misses_nothing",
    "test_behind_nginx_an_id_beyond_ascii_is_resumed_from",
}


class Stack(list):
    def pop(self, at):
        return super().pop()


class Mailbox(contract.hub.Mailbox):
    __slots__ = ()

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.events = Stack()


contract.hub.Mailbox = Mailbox

base.run(stdlib_asyncio)
