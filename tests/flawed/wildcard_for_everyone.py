# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Allows every origin by `*`, without credentials."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_preflight_allows_credentials",
    "test_a_preflight_is_not_for_every_origin",
    "test_an_allowed_origin_may_send_credentials",
    "test_an_answer_is_not_for_every_origin",
}

contract.service.cors_headers = lambda origin, allowed: {"Access-Control-Allow-Origin": "*"}

base.run(stdlib_asyncio)
