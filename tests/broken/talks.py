# /// script
# requires-python = ">=3.11"
# ///
"""Prints without an end, and never its URL."""

while True:
    print("x" * 1023)
