# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Turns the pipeline's model into JSON and the JSON into a JSON string."""

import json
from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_pipeline_sends_a_model_for_every_step", "test_pipeline_sends_every_step_in_order"}


def pipeline(request, right=contract.demos.pipeline):
    def plan(wake):
        for due, event in planned(wake):
            yield due, replace(event, data=json.dumps(event.data))

    planned = right(request)
    return plan


contract.demos.DEMOS["pipeline"] = pipeline
base.run(stdlib_asyncio)
