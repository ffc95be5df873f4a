# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Answers nothing to a script in the query that is nested too deeply."""

import json

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_script_in_the_url_that_cannot_be_read_is_the_clients_error"}


def read_json(text, what, bad):
    try:
        return json.loads(text, parse_constant=contract.message._no_json)
    except ValueError as error:
        raise contract.Refusal(bad, f"{what} is no JSON: {error}") from None


contract.echo.read_json = read_json
base.run(stdlib_asyncio)
