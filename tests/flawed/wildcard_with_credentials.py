# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Allows every origin by `*`, and credentials with it."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_preflight_is_not_for_every_origin",
    "test_a_wildcard_origin_never_comes_with_credentials",
    "test_an_allowed_origin_may_send_credentials",
    "test_an_answer_is_not_for_every_origin",
}


def cors_headers(origin, allowed):
    return {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "true"}


contract.service.cors_headers = cors_headers

base.run(stdlib_asyncio)
