# /// script
# requires-python = ">=3.11"
# dependencies = ["flask", "flask-sock", "gunicorn", "psutil", "redis"]
# ///
"""Keeps each process's topics on the broker under a name of its own."""

import os

import base
import flask_gunicorn
from contract import redis_hub, redis_store

CAUGHT_BY = {
    "test_a_client_that_comes_while_the_broker_is_away_gets_what_it_missed",
    "test_a_held_poll_is_answered_by_an_event_of_another_process",
    "test_a_hundred_clients_resume_at_once_at_the_workers",
    "test_a_poll_at_one_process_brings_what_a_stream_brings_at_another",
    "test_a_restarted_server_goes_on_where_it_stopped",
    "test_after_an_id_of_one_process_another_sends_exactly_the_events_missed",
    "test_all_processes_send_the_events_in_one_order",
    "test_an_event_published_at_one_process_reaches_subscribers_at_all",
    "test_nothing_acknowledged_is_lost_or_doubled_when_the_broker_dies_and_is_back",
    "test_nothing_is_lost_or_doubled_between_workers_under_fire",
    "test_nothing_is_lost_or_doubled_while_going_from_process_to_process_under_fire",
}
# As the kernel gives connections to workers.
MAY_TRIP = {
    "test_an_id_that_no_worker_has_given_out_is_told_by_a_reset",
}


class Store(redis_store.Store):
    def __init__(self, *given):
        redis_store._TOPIC += f"{os.getpid()}:"
        super().__init__(*given)


redis_hub.Store = Store

base.run(flask_gunicorn)
