# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Has a publisher wait 2.2 s for a subscriber that does not read."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_client_that_reads_nothing_slows_no_subscriber"}

contract.hub._PATIENCE_S = 5.5

base.run(stdlib_asyncio)
