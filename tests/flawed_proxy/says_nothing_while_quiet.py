# /// script
# requires-python = ">=3.11"
# dependencies = ["quart", "hypercorn", "psutil"]
# ///
"""Sends no comment on a quiet stream."""

import base
import contract
import quart_hypercorn

CAUGHT_BY = {
    "test_behind_nginx_a_quiet_stream_outlives_the_read_timeout_by_its_pings",
    "test_over_http_2_a_quiet_stream_carries_comments",
}


def steps(self, wake, right=contract.Stream._steps):
    return (step for step in right(self, wake) if step is not contract.event.PING)


contract.Stream._steps = steps

base.run(quart_hypercorn)
