"""The door to a browser: what is told when it is missing, is none, hangs or crashes, and that nothing of it is left.

What is found to be missing, and what then happens, is said in test_seen.py.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sseproof import results
from sseproof.doors import DOORS
from tests.test_seen import lacking

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "servers" / "stdlib_asyncio.py"
WITHIN_S = 30.0

CASES = """
import os, pathlib, signal, time
import pytest

pytestmark = pytest.mark.door("browser")

@pytest.mark.required("#a")
def test_begins(server, page, chromium):
    pathlib.Path("profile").write_text(chromium._folder.name)
    page.blank(f"http://127.0.0.1:{server.process.port}")
"""
CRASHES = """
    os.killpg(chromium._process.pid, signal.SIGKILL)
    page.ask("() => 1")

@pytest.mark.required("#a")
def test_next(server, page):
    assert page.blank(f"http://127.0.0.1:{server.process.port}").ask("() => 1 + 1") == 2
"""
WAITS = """
    pathlib.Path("waiting").touch()
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def path():
    try:
        return DOORS["browser"].find()
    except pytest.UsageError as error:
        lacking("Chromium", str(error))


def begin(folder, cases, chromium=None):
    """Begin a run of cases in a folder of their own."""
    (folder / "conformance").mkdir()
    (folder / "conformance" / "test_browses.py").write_text(CASES + cases, "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n", "utf-8")
    plugin = ["-p", "sseproof.battery", "-o", "testpaths=conformance", "-qq", "-n", "0"]
    command = [sys.executable, "-m", "pytest", *plugin, "--run", "r", "--browser", f"--server={REFERENCE}"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **({"SSEPROOF_CHROMIUM": chromium} if chromium else {})}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def verdicts(folder):
    found = results.read(folder / "results" / "r" / "conformance.jsonl")
    return dict(zip(found.case, found.verdict, strict=True)), dict(
        zip(found.case, found.because, strict=True)
    )


def until(condition, what, within_s=WITHIN_S):
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, f"{what} is not so after {within_s:g} s"
        time.sleep(0.05)


def of(profile):
    """Give the processes that run with this profile."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(profile in part for part in process.info["cmdline"] or ()):
            found.append(process)
    return found


def test_a_browser_that_is_not_there_is_told_before_the_first_case(tmp_path):
    run = begin(tmp_path, "", "/no/such/browser")
    told = run.communicate(timeout=60)[0]
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "SSEPROOF_CHROMIUM is '/no/such/browser', expected a program that can be run" in told


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("exit 1", 1, "it printed nothing"),
        ("echo 'no display, no fonts' >&2; exit 7", 7, "it printed last:\n    no display, no fonts"),
    ],
    ids=["silent", "with-words"],
)
def test_what_is_no_browser_is_an_error_with_its_words(tmp_path, script, code, words):
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    browser.chmod(0o755)
    run = begin(tmp_path, CRASHES, str(browser))
    told = run.communicate(timeout=60)[0]
    found, because = verdicts(tmp_path)
    assert (run.returncode, set(found.values())) == (1, {"error"}), told
    for each in because.values():
        assert f"Chromium ({browser}) ended with exit code {code} before it listened; {words}" in each


def test_a_crash_is_an_error_of_its_case_and_the_next_has_another(tmp_path, path):
    run = begin(tmp_path, CRASHES)
    told = run.communicate(timeout=120)[0]
    found, because = verdicts(tmp_path)
    assert found == {"test_begins": "error", "test_next": "pass"}, told
    assert "BrowserError: Chromium ended in the middle of a case" in because["test_begins"]
    assert "(exit code -9)" in because["test_begins"]
    assert of((tmp_path / "profile").read_text()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_browser_when_a_run_ends_early(tmp_path, path, number):
    run = begin(tmp_path, WAITS)
    until((tmp_path / "waiting").exists, "a case with a page")
    profile = (tmp_path / "profile").read_text()
    assert len(of(profile)) > 1
    os.killpg(run.pid, number)
    run.communicate(timeout=30)
    until(lambda: not of(profile), "that no process of the browser is left", 10.0)
    if number == signal.SIGINT:
        assert not Path(profile).exists()
    shutil.rmtree(profile, ignore_errors=True)  # which SIGKILL leaves, as it does every temporary folder


# -- in this process


@pytest.fixture
def chromium(path):
    from sseproof.chromium import Chromium

    browser = Chromium(path)
    yield browser
    browser.close()


def test_a_browser_that_says_nothing_is_given_up_and_ended(tmp_path, monkeypatch):
    pytest.importorskip("playwright")
    from sseproof import chromium as module

    monkeypatch.setattr(module, "START_S", 0.5)
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 61.25\n", "utf-8")
    silent.chmod(0o755)
    browser = module.Chromium(str(silent))
    for _ in range(2):  # the second time at once
        with pytest.raises(module.BrowserError, match=r"has not said where it listens after 0\.5 s"):
            browser.context()
        monkeypatch.setattr(module, "START_S", 50.0)
    browser.close()
    assert of("61.25") == []


def test_a_browser_that_hangs_is_ended_and_told(chromium, monkeypatch):
    from sseproof import chromium as module
    from sseproof.tab import Tab

    tab = Tab(chromium)
    hung = psutil.Process(chromium._process.pid)
    for process in [*hung.children(recursive=True), hung]:
        process.suspend()
    answering = chromium.answering
    monkeypatch.setattr(chromium, "answering", lambda what: answering(what, 1.0))
    with pytest.raises(module.BrowserError, match="did not call a function of the page within 1 s"):
        tab.ask("() => 1")
    monkeypatch.undo()
    tab.drop()
    with Tab(chromium) as another:
        assert another.ask("() => 1 + 1") == 2


def test_a_page_whose_renderer_crashes_is_no_fault_of_a_server(chromium):
    from sseproof.chromium import BrowserError
    from sseproof.tab import Tab

    with pytest.raises(BrowserError, match="renderer crashed"), Tab(chromium) as tab:
        for process in psutil.Process(chromium._process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # it may be gone, or a zombie, by itself
                if "--type=renderer" in process.cmdline():
                    process.kill()
        tab.until("() => false", None, "nothing", str)
    with Tab(chromium) as another:
        assert another.ask("() => 1 + 1") == 2


def test_a_browser_that_crashes_again_and_again_is_not_started_for_ever(chromium, monkeypatch):
    from sseproof import chromium as module

    monkeypatch.setattr(module, "MOST_CRASHES", 2)
    for _ in range(2):
        chromium.context()
        os.killpg(chromium._process.pid, signal.SIGKILL)
        with pytest.raises(module.BrowserError), chromium.answering("go on"):
            chromium._browser.new_context()
    with pytest.raises(module.BrowserError, match="has crashed 2 times and is not started again"):
        chromium.context()


def test_the_browser_reaches_no_other_machine(chromium):
    from sseproof.stream import StreamFault
    from sseproof.tab import Tab

    with Tab(chromium) as tab, pytest.raises(StreamFault, match="ERR_NAME_NOT_RESOLVED"):
        tab.go("http://sseproof.example/")
