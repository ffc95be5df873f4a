# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Answers one origin other than another and leaves that to be guessed by caches."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_an_answer_varies_by_its_origin"}


def cors_headers(origin, allowed, right=contract.service.cors_headers):
    return {name: value for name, value in right(origin, allowed).items() if name != "Vary"}


contract.service.cors_headers = cors_headers

base.run(stdlib_asyncio)
