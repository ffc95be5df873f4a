# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Declares that it speaks HTTP/2, and does not."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_over_http_2_each_event_is_read_before_the_next_is_due",
    "test_over_http_2_a_quiet_stream_carries_comments",
    "test_over_http_2_no_answer_has_a_field_of_the_connection",
    "test_over_http_2_a_finite_stream_is_whole",
    "test_over_http_2_a_generator_that_raises_cuts_the_stream",
    "test_over_http_2_head_is_answered_and_opens_no_stream",
    "test_over_http_2_a_204_ends_a_stream_for_good",
    "test_over_http_2_a_refusal_is_whole",
    "test_over_http_2_an_id_beyond_ascii_is_resumed_from",
    "test_over_http_2_one_connection_carries_thirty_streams",
    "test_over_http_2_a_stream_that_is_not_read_holds_up_no_other",
    "test_over_http_2_a_cancelled_stream_ends_and_no_other",
    "test_over_http_2_all_streams_end_with_their_connection",
}

contract.Service.http2 = True

base.run(stdlib_asyncio)
