"""`sseproof COMMAND`: what every command does when it is interrupted, not read to its end, or lacks a package."""

import subprocess
import sys

import pytest

from sseproof import __main__


def command(monkeypatch, capsys, error, *words):
    """Run a command whose import raises; give its exit code and what it says on stderr."""

    def fail(name):
        raise error

    monkeypatch.setattr(sys, "argv", ["sseproof", *words])
    monkeypatch.setattr("importlib.import_module", fail)
    return __main__.main(), capsys.readouterr().err


def test_ctrl_c_while_a_command_starts_is_one_line(monkeypatch, capsys):
    code, told = command(monkeypatch, capsys, KeyboardInterrupt(), "report")
    assert (code, told) == (130, "\nsseproof report: interrupted; no file was left half written\n")


def test_a_package_that_is_missing_is_told_with_what_installs_it(monkeypatch, capsys):
    code, told = command(monkeypatch, capsys, ModuleNotFoundError(name="gevent.event"), "bench")
    assert (code, told) == (
        2,
        "sseproof bench needs gevent.event: pip install -e '.[bench]' in sseproof's folder\n",
    )


def test_a_module_of_ours_that_is_missing_is_our_fault(monkeypatch, capsys):
    with pytest.raises(ModuleNotFoundError):
        command(monkeypatch, capsys, ModuleNotFoundError(name="sseproof.gone"), "report")


def test_a_reader_that_goes_away_gets_no_traceback():
    line = f"{sys.executable} -m sseproof report --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (141, "")
