# /// script
# requires-python = ">=3.11"
# dependencies = ["quart", "hypercorn", "psutil"]
# ///
"""Says Connection: keep-alive over HTTP/2 too, which its library lets pass."""

import base
import contract
import h2.config
import quart_hypercorn

CAUGHT_BY = {
    "test_over_http_2_no_answer_has_a_field_of_the_connection",
}

contract.STREAM_HEADERS["Connection"] = "keep-alive"
h2.config.H2Configuration.validate_outbound_headers = False


def made(self, right=h2.config.H2Configuration.__init__, **settings):
    right(self, **settings, validate_outbound_headers=False, normalize_outbound_headers=False)


h2.config.H2Configuration.__init__ = made

base.run(quart_hypercorn)
