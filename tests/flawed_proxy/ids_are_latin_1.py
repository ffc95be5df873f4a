# /// script
# requires-python = ">=3.11"
# dependencies = ["quart", "hypercorn", "psutil"]
# ///
"""Takes the Last-Event-ID header for ISO-8859-1."""

import base
import contract
import quart_hypercorn

CAUGHT_BY = {
    "test_behind_nginx_an_id_beyond_ascii_is_resumed_from",
    "test_behind_an_nginx_that_is_restarted_a_client_misses_nothing",
    "test_over_http_2_an_id_beyond_ascii_is_resumed_from",
}


def last_event_id(self):
    return self.headers.get("last-event-id") or self.query.get("after") or None


contract.Request.last_event_id = property(last_event_id)

base.run(quart_hypercorn)
