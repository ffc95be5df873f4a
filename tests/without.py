"""A plugin for pytest: leave out the tests that the file named by WITHOUT lists, one a line.

A line is a node id, or the beginning of one up to the server's name and a `*`. As thousands of `--deselect` options
they would take pytest several seconds to read.
"""

import os
from pathlib import Path


def pytest_collection_modifyitems(config, items):
    unwanted = set(Path(os.environ["WITHOUT"]).read_text(encoding="utf-8").split("\n"))

    def left_out(item):
        beginning = f"{item.nodeid.partition('[')[0]}[{item.callspec.params['subject']}*"
        return item.nodeid in unwanted or beginning in unwanted

    chosen, rest = [], []
    for item in items:
        (rest if left_out(item) else chosen).append(item)
    config.hook.pytest_deselected(items=rest)
    items[:] = chosen
