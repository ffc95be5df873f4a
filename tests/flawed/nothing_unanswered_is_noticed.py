# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Waits for acknowledgements for as long as the kernel does: a quarter of an hour."""

import socket

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_client_that_vanishes_is_noticed_in_the_time_the_server_claims[flowing-filter]",
    "test_a_client_that_vanishes_is_noticed_in_the_time_the_server_claims[quiet-filter]",
    "test_two_hundred_clients_leave_no_subscriber",
}

del socket.TCP_USER_TIMEOUT

base.run(stdlib_asyncio)
