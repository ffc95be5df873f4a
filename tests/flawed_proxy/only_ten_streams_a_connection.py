# /// script
# requires-python = ">=3.11"
# dependencies = ["quart", "hypercorn", "psutil"]
# ///
"""Lets a client open ten streams on a connection of HTTP/2."""

import base
import quart_hypercorn
from hypercorn.config import Config

CAUGHT_BY = {
    "test_over_http_2_one_connection_carries_thirty_streams",
}

Config.h2_max_concurrent_streams = 10

base.run(quart_hypercorn)
