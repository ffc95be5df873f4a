# /// script
# requires-python = ">=3.11"
# dependencies = ["starlette", "sse-starlette", "uvicorn[standard]", "psutil"]
# ///
"""Begins every WebSocket with what comes, whatever its client has seen."""

from dataclasses import replace

import base
import contract
import starlette_uvicorn

CAUGHT_BY = {
    "test_a_websocket_brings_what_a_stream_brings_after_the_same_id",
    "test_a_websocket_is_told_of_an_unknown_id_by_a_reset",
}
MAY_TRIP = {"test_a_body_too_long_is_refused_without_a_reset"}  # uvicorn resets now and then


def socket(self, request, ping_s=0.0, right=contract.Service.socket):
    return right(self, replace(request, query={**request.query, "after": ""}), ping_s)


contract.Service.socket = socket

base.run(starlette_uvicorn)
