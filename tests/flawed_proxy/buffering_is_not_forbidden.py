# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends no X-Accel-Buffering, as most tutorials do."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_behind_nginx_each_event_is_read_before_the_next_is_due",
    "test_behind_nginx_each_token_of_an_answer_is_read_before_the_next_is_due",
    "test_behind_nginx_a_stream_answers_before_its_first_event",
}
MAY_TRIP = {
    "test_behind_nginx_an_id_beyond_ascii_is_resumed_from",
    "test_behind_nginx_a_hundred_events_reach_each_subscriber_in_order",
    "test_behind_nginx_one_http_2_connection_carries_thirty_streams",
    "test_behind_nginx_a_client_s_leaving_reaches_the_server",
    "test_behind_nginx_a_quiet_stream_outlives_the_read_timeout_by_its_pings",
    "test_behind_an_nginx_that_is_restarted_a_client_misses_nothing",
}

del contract.STREAM_HEADERS["X-Accel-Buffering"]

base.run(stdlib_asyncio)
