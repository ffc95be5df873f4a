"""Values of a file that anybody may have written, as short text or as a number.

Rule of the file: any JSON value is taken, and none raises.
"""

from __future__ import annotations

import json
import math

from sseproof import results

LONG = 300
DEEP = 4  # lists in lists in lists: what lies deeper is not told


def said(value: object, limit: int = LONG, deep: int = DEEP) -> str:
    """Write a value as text; nothing for what is empty."""
    if isinstance(value, dict | list) and not deep:
        text = "..."
    elif isinstance(value, dict):
        told = {str(name): said(each, limit, deep - 1) for name, each in value.items()}
        text = ", ".join(f"{name} {each}" for name, each in told.items() if each)
    elif isinstance(value, list):
        text = ", ".join(said(each, limit, deep - 1) for each in value)
    elif isinstance(value, bool):
        text = "yes" if value else ""
    elif isinstance(value, float):
        text = f"{value:.2f}"
    else:
        text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    return results.visible(text, limit)


def number(value: object) -> float | None:
    """Give a number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None
