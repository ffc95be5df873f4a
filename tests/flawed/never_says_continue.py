# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Never sends 100 (Continue) to a client that waits for it."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {"test_a_client_that_asks_before_it_sends_its_body_is_answered"}

h11.Connection.they_are_waiting_for_100_continue = False
base.run(stdlib_asyncio)
