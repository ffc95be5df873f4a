# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Says "soon" where a client that was refused should read when to try again."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_the_time_to_try_again_is_a_number_of_seconds_or_a_date",
}


class Refusal(contract.Refusal):
    def __init__(self, status, error=None, headers=None):
        super().__init__(status, error, {"Retry-After": "soon"} if headers else None)


contract.sessions.Refusal = Refusal
base.run(stdlib_asyncio)
