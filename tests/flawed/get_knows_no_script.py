# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Reads the script of a POST only and sends nothing for a GET."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_after_a_finite_stream_the_connection_serves_another_stream",
    "test_the_answer_to_a_get_is_framed_as_that_to_a_post",
}


def echo(request, encoder_is_ours, right=contract.echo.echo):
    script = right(request, encoder_is_ours)
    if request.method == "GET":
        script._items = []
    return script


contract.service.echo = echo
base.run(stdlib_asyncio)
