# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Makes a new session for whoever asks, however many there are."""

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_server_with_all_its_sessions_in_use_says_so_and_for_how_long",
}

stdlib_asyncio.SERVER.sessions._most = 10**9
base.run(stdlib_asyncio)
