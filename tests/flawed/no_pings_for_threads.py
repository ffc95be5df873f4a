# /// script
# requires-python = ">=3.11"
# dependencies = ["flask", "flask-sock", "gunicorn", "psutil"]
# ///
"""Keeps no stream of a blocking generator alive."""

import base
import contract
import flask_gunicorn

CAUGHT_BY = {"test_a_quiet_blocking_generator_is_kept_alive_too"}


def stream(self, request, right=contract.Service.stream):
    found = right(self, request)
    if request.flag("blocking"):
        found._ping_s = 0.0
    return found


contract.Service.stream = stream

base.run(flask_gunicorn)
