# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Trains for three epochs where none are asked for."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_finite_demo_is_as_long_as_described_unless_asked[training-1001]"}


def training(request, right=contract.demos.training):
    return right(replace(request, query={"epochs": "3", **request.query}))


contract.demos.DEMOS["training"] = training
base.run(stdlib_asyncio)
