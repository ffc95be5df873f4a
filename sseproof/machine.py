"""What a run ran on, for the header of its results."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
from pathlib import Path
from typing import Any

import psutil


def revision(root: Path) -> str:
    """Give the commit of the tree, with "+dirty" when it holds more; empty outside of git."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def describe() -> dict[str, Any]:
    """Describe what the run ran on: cores it may use, memory in bytes, kernel, Python."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def limits() -> dict[str, Any]:
    """Describe what else bounds a load: the processor's name, open files (soft, hard), local ports, socket queue."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lines = _read("/proc/cpuinfo").splitlines()
    return {
        "cpu": next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), ""),
        "open_files": [soft, hard],
        "local_ports": _read("/proc/sys/net/ipv4/ip_local_port_range").split(),
        "somaxconn": _read("/proc/sys/net/core/somaxconn").strip(),
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
