# /// script
# requires-python = ">=3.11"
# ///
"""Runs and does nothing: no URL, no socket."""

import time

time.sleep(600)
