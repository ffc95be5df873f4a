"""The project's commands; `nox -l` lists them, and what follows `--` goes to the tool behind."""

import os

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["conformance"]
_NEED_LOCUST = "bench calibrate intervals locust publisher reactor scenarios show tally trial"
LOAD_TESTS = [f"tests/test_{name}.py" for name in _NEED_LOCUST.split()]
nox.needs_version = ">=2024.3.2"


@nox.session
def conformance(session: nox.Session) -> None:
    """Judge the servers: `nox -s conformance -- --server flask_gunicorn -k framing`; all of them by default."""
    session.install("-e", ".")
    # The root is said, since pytest would guess it from a path after --server.
    ours = "-p sseproof.battery --rootdir=. -c pyproject.toml -o testpaths=conformance -qq"
    ours += " -n auto --dist loadscope --max-worker-restart 2"
    session.run(
        "pytest",
        *session.posargs,
        env={"PYTEST_ADDOPTS": f"{ours} {os.environ.get('PYTEST_ADDOPTS', '')}"},
        interrupt_timeout=10,  # Ctrl-C: time to stop the servers and to write what there is
    )


@nox.session
def tests(session: nox.Session) -> None:
    """Test sseproof itself and its server files: `nox -s tests -- -k wire`."""
    session.install("-e", ".", "websockets")
    ignored = [f"--ignore={file}" for file in LOAD_TESTS]
    session.run("pytest", "-n", "auto", "--dist", "worksteal", *ignored, *session.posargs)


@nox.session
def loadtests(session: nox.Session) -> None:
    """Test the benchmark, its load users and their calibration, which need locust: `nox -s loadtests -- -k tally`."""
    session.install("-e", ".[bench,benchmarks]")
    session.run("pytest", "-n", "2", *(session.posargs or LOAD_TESTS))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and types: ruff for all of it, mypy --strict for sseproof/."""
    session.install("-e", ".[lint,bench]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")


@nox.session
def page(session: nox.Session) -> None:
    """Make the page of an old run anew: `nox -s page -- RUN`."""
    session.install("-e", ".")
    for run in session.posargs:
        session.run("python", "-m", "sseproof.page", f"results/{run}/conformance.jsonl", f"reports/{run}")


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
    session.run("python", "-m", "sseproof.bench", *session.posargs, interrupt_timeout=15)


@nox.session
def calibrate(session: nox.Session) -> None:
    """Hold our load generator against other clients and known truth: `nox -s calibrate -- --quick`."""
    session.install("-e", ".[bench,benchmarks]")
    session.run("python", "-m", "sseproof.calibrate", *session.posargs, interrupt_timeout=15)
