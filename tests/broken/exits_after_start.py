# /// script
# requires-python = ">=3.11"
# ///
"""Prints a URL, and ends before it answers."""

import sys

print("http://127.0.0.1:9", flush=True)
sys.exit(3)
