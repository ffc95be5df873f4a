# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Says nothing on a quiet stream."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_behind_nginx_a_quiet_stream_outlives_the_read_timeout_by_its_pings",
}


def steps(self, wake, right=contract.Stream._steps):
    return (step for step in right(self, wake) if step is not contract.event.PING)


contract.Stream._steps = steps

base.run(stdlib_asyncio)
