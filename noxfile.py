"""The project's commands; `nox -l` lists them, and what follows `--` goes to the tool behind.

Plain `nox` does the main job: it judges every server, measures them by the quick profile, and makes the report of both.
"""

import atexit
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["conformance", "bench", "report"]
# A run starts some hundred processes: without bytecode each would compile all it imports first (locust: 2.1 s, else 0.8 s).
os.environ["UV_COMPILE_BYTECODE"] = "1"
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# All that one nox does is one run with one report, unless --run says otherwise.
RUN = os.environ.get("SSEPROOF_RUN") or f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
_NEED_DOORS = "browser_door demo_page flawed_doors http2 nginx redis_hub redis_server seen"
_NEED_LOCUST = "bench calibrate intervals locust publisher reactor scenarios show tally trial"
LOAD_TESTS = [f"tests/test_{name}.py" for name in _NEED_LOCUST.split()]
DOOR_TESTS = [f"tests/test_{name}.py" for name in _NEED_DOORS.split()]
nox.needs_version = ">=2024.3.2"


@nox.session
def conformance(session: nox.Session) -> None:
    """Judge the servers: `nox -s conformance -- --server flask_gunicorn -k framing`; all of them by default."""
    doors = [name for name in ("browser", "proxy") if f"--{name}" in " ".join(session.posargs)]
    session.install("-e", f".[{','.join(doors)}]" if doors else ".")
    # The root is said, since pytest would guess it from a path after --server.
    ours = "-p sseproof.battery --rootdir=. -c pyproject.toml -o testpaths=conformance -qq"
    ours += " -n auto --dist loadscope --max-worker-restart 2"
    session.run(
        "pytest",
        *session.posargs,
        env={"PYTEST_ADDOPTS": f"{ours} {os.environ.get('PYTEST_ADDOPTS', '')}", "SSEPROOF_RUN": RUN},
        interrupt_timeout=10,  # Ctrl-C: time to stop the servers and to write what there is
    )


@nox.session
def tests(session: nox.Session) -> None:
    """Test sseproof itself and its server files: `nox -s tests -- -k wire`."""
    session.install("-e", ".[report]", "jsonschema", "websockets")
    ignored = [f"--ignore={file}" for file in LOAD_TESTS + DOOR_TESTS]
    at_a_time = 3 * len(os.sched_getaffinity(0))  # a server with a flaw is mostly waited for, in vain
    session.run("pytest", "-n", str(at_a_time), "--dist", "worksteal", *ignored, *session.posargs)


def _files(posargs: list[str], files: list[str]) -> list[str]:
    """Put a session's files before what it is given, unless that names some: the others need what is not installed here."""
    return [*posargs] if any("test_" in word and ".py" in word for word in posargs) else [*files, *posargs]


@nox.session
def doortests(session: nox.Session) -> None:
    """Test what goes through Chromium, nginx or Redis, and see each of its cases fail: `nox -s doortests -- -k nginx`."""
    session.install("-e", ".[browser,proxy,report]", "redis")
    session.run("pytest", "-n", "auto", "--dist", "worksteal", *_files(session.posargs, DOOR_TESTS))


@nox.session
def loadtests(session: nox.Session) -> None:
    """Test the benchmark, its load users and their calibration, which need locust: `nox -s loadtests -- -k tally`."""
    session.install("-e", ".[bench,benchmarks]")
    session.run("pytest", "-n", "2", *_files(session.posargs, LOAD_TESTS))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and types: ruff for all of it, mypy --strict for sseproof/."""
    session.install("-e", ".[lint,bench,proxy,report]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")


@nox.session
def report(session: nox.Session) -> None:
    """Make a run's page and exports: `nox -s report -- RUN`; by default of what this nox has run, else of the newest."""
    session.install("-e", ".[report]")
    runs = [RUN] if Path("results", RUN).is_dir() else session.posargs
    session.run("sseproof", "export", *runs)
    session.run("sseproof", "report", *runs)
    atexit.register(print, Path("reports", "latest").resolve() / "index.html")  # below nox's own last words


@nox.session
def gate(session: nox.Session) -> None:
    """Hold a run against its bounds, loadtest/gate.toml: `nox -s gate -- RUN --base RUN`; the newest by default."""
    session.install("-e", ".")
    session.run("sseproof", "gate", *session.posargs)


@nox.session
def versions(session: nox.Session) -> None:
    """Compare releases: `nox -s versions -- fastapi_uvicorn fastapi 0.135.4 latest -k injection`."""
    session.install("-e", ".")
    session.run("python", "-m", "sseproof.versions", *session.posargs, interrupt_timeout=10)


@nox.session
def cases(session: nox.Session) -> None:
    """Write docs/cases.md and tests/cases.txt anew, from the cases, the flaws and the known failures."""
    session.install("-e", ".")
    session.run("python", "-m", "sseproof.catalogue")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what SSE, polling and WebSocket cost: `nox -s bench -- --profile full`; `-- --help` has examples."""
    session.install("-e", ".[bench]")
    session.run("sseproof", "bench", *session.posargs, env={"SSEPROOF_RUN": RUN}, interrupt_timeout=15)


@nox.session
def calibrate(session: nox.Session) -> None:
    """Hold our load generator against other clients and known truth: `nox -s calibrate -- --quick`."""
    session.install("-e", ".[bench,benchmarks]")
    session.run("python", "-m", "sseproof.calibrate", *session.posargs, interrupt_timeout=15)
