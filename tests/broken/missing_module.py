# /// script
# requires-python = ">=3.11"
# ///
"""Imports what its header does not ask for."""

import a_module_that_nobody_has  # noqa: F401
