# /// script
# requires-python = ">=3.11"
# dependencies = ["flask", "flask-sock", "gunicorn", "psutil"]
# ///
"""Sends no data field when the data is empty."""

from dataclasses import replace

import base
import contract
import flask_gunicorn

CAUGHT_BY = {
    "test_a_blocking_generator_is_framed_as_an_async_one",
    "test_a_broadcast_event_keeps_its_type_and_data",
    "test_a_poll_brings_what_a_stream_brings_after_the_same_id",
    "test_a_replayed_event_is_what_it_was",
    "test_a_websocket_brings_what_a_stream_brings_after_the_same_id",
    "test_each_topic_event_has_an_id_of_its_own",
    "test_empty_data_is_an_event",
    "test_the_answer_to_a_get_is_framed_as_that_to_a_post",
}
MAY_TRIP = {"test_random_scripts_come_out_as_they_went_in"}


def encode(event, right=contract.encode):
    return right(replace(event, data=event.data or None))


contract.encode = encode
base.run(flask_gunicorn)
