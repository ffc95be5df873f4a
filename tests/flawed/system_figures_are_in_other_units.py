# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends the figures of the machine in GiB, under names of their own."""

import json

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_system_cpu_is_above_0_while_a_core_is_busy",
    "test_system_figures_agree_with_psutil",
    "test_system_sends_cpu_and_memory_as_each",
}


def in_gib(figures):
    return {
        name.replace("_mb", "_gb"): value / (1024 if "_mb" in name else 1) for name, value in figures.items()
    }


def system(request, right=contract.demos.system):
    def plan(wake):
        for due, event in planned(wake):
            yield due, event and contract.Event(data=json.dumps(in_gib(json.loads(event.data))))

    planned = right(request)
    return plan


contract.demos.DEMOS["system"] = system
base.run(stdlib_asyncio)
