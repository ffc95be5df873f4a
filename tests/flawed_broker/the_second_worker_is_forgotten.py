# /// script
# requires-python = ">=3.11"
# dependencies = ["flask", "flask-sock", "gunicorn", "psutil", "redis"]
# ///
"""Starts one process, however many are asked for."""

from dataclasses import replace

import base
import flask_gunicorn

CAUGHT_BY = {
    "test_all_workers_of_a_server_serve",
}

flask_gunicorn.service.options = replace(flask_gunicorn.service.options, workers=1)

base.run(flask_gunicorn)
