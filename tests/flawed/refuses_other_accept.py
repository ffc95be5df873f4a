# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Refuses whoever accepts only JSON with 406."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_client_that_accepts_json_only_asks_for_a_stream"}


def stream(service, request, right=contract.Service.stream):
    if request.headers.get("accept") == "application/json":
        raise contract.Refusal(406, "here is only text/event-stream")
    return right(service, request)


contract.Service.stream = stream

base.run(stdlib_asyncio)
