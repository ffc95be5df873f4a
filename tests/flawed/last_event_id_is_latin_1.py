# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Takes the Last-Event-ID header for ISO-8859-1."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_poll_brings_what_a_stream_brings_after_the_same_id",
    "test_an_id_beyond_ascii_is_resumed_from",
    "test_behind_an_nginx_that_is_restarted_a_client_misses_nothing",
    "test_behind_nginx_an_id_beyond_ascii_is_resumed_from",
}


def last_event_id(self):
    return self.headers.get("last-event-id") or self.query.get("after") or None


contract.Request.last_event_id = property(last_event_id)

base.run(stdlib_asyncio)
