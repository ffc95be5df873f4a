"""Each server's environment: built by uv, resolved as of one day, so that a run can be repeated.

uv keeps an environment per script and takes it for good although the day has changed. So a stamp in it says for
which day and which header it was resolved; another one is resolved anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
import tomllib
from pathlib import Path

from sseproof.transcript import printable

ROOT = Path(__file__).resolve().parents[1]
PREPARE_S = 600.0  # uv's own limit: an environment may have to be downloaded first
_HEADER = re.compile(r"^# /// script\s*$.*?^# ///\s*$", re.MULTILINE | re.DOTALL)
_STAMP = "sseproof-resolved-as-of"


class LaunchError(Exception):
    """Say which server did not come up, why, what it printed last, and the way out (`hint`)."""

    def __init__(self, server: str, happened: str, *, words: str = "", hint: str = "") -> None:
        self.server, self.happened, self.words, self.hint = server, happened, words, hint
        quoted = "".join(f"\n    {line}" for line in words.splitlines())
        printed = f"\n  it printed last:{quoted}" if words else ""
        super().__init__(f"{server} {happened}{printed}" + (f"\n  hint: {hint}" if hint else ""))


def prepare(script: Path) -> Path:
    """Build the script's environment, resolved as of `exclude_newer`, and return its folder.

    The script's own file is the lock, so that two runs at once do not build the same environment. Raises LaunchError.
    """
    name = script.stem
    try:
        header = _HEADER.search(script.read_text(encoding="utf-8"))
        lock = script.open("rb")
    except (OSError, UnicodeDecodeError) as exc:
        raise LaunchError(name, f"cannot be read: {exc}", hint="find() lists the servers there are") from None
    with lock:
        if header is None:
            hint = "uv reads the dependencies from there (PEP 723); see any file in servers/"
            raise LaunchError(name, "has no '# /// script' header", hint=hint)
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = f"{exclude_newer() or 'today'}, compiled\n{header[0]}\n"
        folder = _environment(script)
        if folder is not None and _read(folder / _STAMP) == stamp:
            return folder  # `uv run` looks itself whether all is there
        if folder is not None:
            (folder / _STAMP).unlink(missing_ok=True)  # or it would be believed, should this be interrupted
        done = _uv("sync", *(["--reinstall"] if folder else []), "--script", str(script))
        folder = _environment(script)
        if done.returncode or folder is None:
            hint = f"its header asks for what there is not, as of {exclude_newer() or 'today'}"
            raise LaunchError(name, "has no environment: uv failed", words=last_lines(done.stderr), hint=hint)
        (folder / _STAMP).write_text(stamp, encoding="utf-8")
        return folder


def exclude_newer() -> str | None:
    """Return the day all environments are resolved as of: the user's UV_EXCLUDE_NEWER, else pyproject.toml's."""
    if "UV_EXCLUDE_NEWER" in os.environ:
        return os.environ["UV_EXCLUDE_NEWER"]
    try:
        table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    day = table.get("tool", {}).get("sseproof", {}).get("exclude-newer")
    return None if day is None else str(day)


def uv_bin(name: str = "uv") -> str:
    """Find uv, or raise a LaunchError that says how to get it."""
    try:
        import uv  # here, so that a machine without it is told how to get it

        return os.fsdecode(uv.find_uv_bin())
    except (ImportError, FileNotFoundError) as exc:
        why = " ".join(str(exc).split())
        raise LaunchError(name, f"cannot be started without uv: {why}", hint="pip install uv") from None


def _uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [uv_bin(), *arguments]
    try:
        return subprocess.run(command, env=uv_environ(), capture_output=True, text=True, timeout=PREPARE_S)
    except subprocess.TimeoutExpired:
        raise LaunchError("uv", f"{' '.join(arguments)} has not ended after {PREPARE_S:g} s") from None


def _environment(script: Path) -> Path | None:
    """Return the folder of the script's environment, if uv has built one already."""
    folder = Path(_uv("python", "find", "--script", str(script)).stdout.strip()).parent.parent
    return folder if folder.parent.name.startswith("environments-") else None


def copied_environ() -> dict[str, str]:
    """Copy this process's environment, though another thread may be changing it, as pytest does at each case."""
    while True:
        with contextlib.suppress(KeyError, RuntimeError):
            return dict(os.environ)


def uv_environ() -> dict[str, str]:
    """Return the environment for uv and the server: the day, no colours, and nothing of our own Python's."""
    ours = {"PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}
    environ = {name: value for name, value in copied_environ().items() if name not in ours}
    # A run starts a server some hundred times: without bytecode each would compile its framework first.
    environ |= {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1", "UV_COMPILE_BYTECODE": "1"}
    day = exclude_newer()
    return environ | ({"UV_EXCLUDE_NEWER": day} if day else {})


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def last_lines(text: str, lines: int = 15) -> str:
    """Return the last lines, none over 300 characters, without control characters."""
    return "\n".join(printable(line)[:300] for line in text.rstrip().splitlines()[-lines:])
