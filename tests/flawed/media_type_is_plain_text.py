# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends its streams as text/plain, which browsers show and EventSource refuses."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_resumed_stream_begins_as_a_new_one",
    "test_a_stream_can_be_the_answer_to_a_post",
    "test_behind_nginx_each_event_is_read_before_the_next_is_due[gzip]",
    "test_behind_nginx_head_is_answered_and_opens_no_stream",
    "test_the_media_type_of_a_stream_is_text_event_stream",
}

contract.STREAM_HEADERS["Content-Type"] = "text/plain; charset=utf-8"

base.run(stdlib_asyncio)
