# /// script
# requires-python = ">=3.11"
# dependencies = ["flask", "flask-sock", "gunicorn", "psutil", "redis"]
# ///
"""Leaves its streams open at SIGTERM, until gunicorn ends the workers."""

import base
import flask_gunicorn

CAUGHT_BY = {
    "test_workers_end_their_streams_well_at_sigterm",
}

flask_gunicorn.service.stop = lambda: None

base.run(flask_gunicorn)
