# /// script
# requires-python = ">=3.11"
# dependencies = ["flask", "flask-sock", "gunicorn", "psutil"]
# ///
"""Writes ISO-8859-1 where that has the character."""

import base
import contract
import flask_gunicorn

CAUGHT_BY = {
    "test_a_broadcast_event_keeps_its_type_and_data",
    "test_a_character_survives_where_a_chunk_ends_inside_it",
    "test_a_poll_brings_what_a_stream_brings_after_the_same_id",
    "test_a_request_sent_byte_by_byte_is_served",
    "test_a_websocket_brings_what_a_stream_brings_after_the_same_id",
    "test_an_event_type_comes_out_as_it_went_in",
    "test_an_id_beyond_ascii_is_resumed_from",
    "test_an_id_comes_out_as_it_went_in",
    "test_every_character_of_unicode_survives_in_data",
    "test_only_cr_and_lf_end_a_line",
    "test_space_around_data_survives[leading-no-break-space]",
    "test_the_answer_to_a_get_is_framed_as_that_to_a_post",
    "test_the_body_of_an_endless_stream_fits_the_grammar[topic]",
    "test_the_whole_body_fits_the_grammar[characters]",
    "test_the_whole_body_of_a_blocking_generator_fits_the_grammar[characters]",
    "test_topics_do_not_leak_into_each_other",
}
MAY_TRIP = {"test_random_scripts_come_out_as_they_went_in"}


def encode(event, right=contract.encode):
    return right(event).decode().encode("latin-1", "replace")


contract.encode = encode
base.run(flask_gunicorn)
