# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends NaN where there is no change yet to tell, which Python takes for JSON and no browser does."""

import json
from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_stock_moves_by_the_change_it_tells",
    "test_stocks_are_named_by_their_symbol",
    "test_stocks_are_quotes_of_three_companies",
}


def untold(event):
    return replace(event, data=json.dumps({**json.loads(event.data), "change": float("nan")}))


def paced(events, interval_s, lead=1, right=contract.demos._paced):
    return right(map(untold, events) if lead == 3 else events, interval_s, lead)


contract.demos._paced = paced
base.run(stdlib_asyncio)
