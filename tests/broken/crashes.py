# /// script
# requires-python = ">=3.11"
# ///
"""Fails before it listens."""

raise RuntimeError("no such luck")
