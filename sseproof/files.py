"""Files that replace the one before them in one step, so that nobody ever reads half of one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def put(path: Path, content: bytes) -> Path:
    """Write a file, and the folders above it, and return it; killed halfway, the one before is still there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        made.write_bytes(content)
        os.replace(made, path)
    finally:
        made.unlink(missing_ok=True)
    return path
