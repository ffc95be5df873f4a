# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Writes a script's text as a JSON string, in quotation marks."""

import json
from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_character_survives_where_a_chunk_ends_inside_it",
    "test_a_comment_beside_fields_changes_none_of_them",
    "test_a_comment_dispatches_nothing",
    "test_a_finite_stream_is_whole_in_the_coding_that_was_accepted",
    "test_a_lone_surrogate_is_refused",
    "test_a_reconnection_time_alone_dispatches_nothing",
    "test_a_request_sent_byte_by_byte_is_served",
    "test_a_slow_stream_does_not_hold_up_another",
    "test_after_a_finite_stream_the_connection_serves_another_stream",
    "test_an_empty_event_type_means_message",
    "test_an_empty_id_resets_the_last_event_id",
    "test_an_event_equal_to_the_one_before_is_dispatched_again",
    "test_an_event_type_comes_out_as_it_went_in",
    "test_an_event_type_does_not_leak_into_the_next_event",
    "test_an_event_type_of_64_kib_comes_out_whole",
    "test_an_id_alone_dispatches_nothing_yet_moves_the_last_event_id",
    "test_an_id_comes_out_as_it_went_in",
    "test_an_id_of_64_kib_comes_out_whole",
    "test_an_id_persists_until_another_event_sets_one",
    "test_an_offer_to_compress_delays_no_event",
    "test_an_old_http_client_learns_the_end_of_a_finite_stream",
    "test_data_that_looks_like_syntax_stays_data",
    "test_each_line_of_data_is_a_data_field",
    "test_empty_data_is_an_event",
    "test_events_before_a_raise_have_been_delivered",
    "test_every_character_of_unicode_survives_in_data",
    "test_keeping_alive_dispatches_nothing_and_changes_no_id",
    "test_keeping_alive_never_breaks_an_event",
    "test_no_field_smuggles_another_past_an_end_of_line",
    "test_one_event_of_many_mebibytes_comes_out_whole",
    "test_one_line_of_data_is_one_event",
    "test_one_line_of_four_mebibytes_comes_out_whole",
    "test_only_cr_and_lf_end_a_line",
    "test_random_scripts_come_out_as_they_went_in",
    "test_space_around_data_survives",
    "test_ten_thousand_events_come_in_order",
    "test_ten_thousand_lines_stay_one_event",
    "test_the_answer_to_a_get_is_framed_as_that_to_a_post",
    "test_the_last_event_is_ended_by_a_blank_line",
}


def event_of(item, right=contract.echo._event):
    event = right(item)
    return replace(event, data=json.dumps(event.data)) if isinstance(event.data, str) else event


contract.echo._event = event_of
base.run(stdlib_asyncio)
