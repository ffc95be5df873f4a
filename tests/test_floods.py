"""The battery against servers that send or print without an end: a verdict on every case, and little memory."""

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sseproof import results
from sseproof.environment import LaunchError
from sseproof.launch import launch
from sseproof.leash import LOG_BYTES

ROOT, BROKEN = Path(__file__).parents[1], Path(__file__).parent / "broken"
# The battery's own peak, and after its last case: what getrusage tells is also that of what the process was forked from
# and of uv, which it waits for; and what makes the page takes 70 MiB more.
MEASURE = """
import re, sys, pytest
from pathlib import Path

class Peak:
    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self):
        self.kib = int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])

peak = Peak()
code = pytest.main(sys.argv[1:], plugins=[peak])
print(peak.kib, flush=True)
sys.exit(code)
"""
MOST_MIB = 300  # about 90 of it are there before the first case; 150 to 230 were seen
# Cases that keep many streams, or much of one, and those that look at what comes behind a response.
CASES = "quiet_stream_carries or head_gets_no_body or a_hundred_streams or mebibytes"
FLOODS = ["json", "line", "events"]


class Flooded:
    """A run of some cases against one flood, in a folder of its own."""

    def __init__(self, folder, flood):
        self.folder = folder
        folder.mkdir()
        (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
        for room in ("conformance", "servers"):
            (folder / room).symlink_to(ROOT / room)
        options = ["-o", "testpaths=conformance", "-qq", "-n", "0", "--run", "r", "-k", CASES]
        command = ["-p", "sseproof.battery", "--rootdir=.", *options, f"--server={BROKEN / 'floods.py'}"]
        self._output = (folder / "output").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-c", MEASURE, *command],
            cwd=folder,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "FLOOD": flood},
            start_new_session=True,
        )

    def result(self):
        """Wait for its end, and give its exit code, its peak of memory in MiB and its verdicts."""
        try:
            code = self._process.wait(180)  # alone it takes a tenth
        finally:
            self.end()
        peak_kib = int((self.folder / "output").read_text(errors="replace").rsplit(maxsplit=1)[-1])
        return code, peak_kib // 1024, results.read(self.folder / "results" / "r" / "conformance.jsonl")

    def end(self):
        """Leave nothing running."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._output.close()


@pytest.fixture(scope="module")
def floods(tmp_path_factory):
    """Begin a run against each flood; they go on side by side."""
    folder = tmp_path_factory.mktemp("floods")
    begun = {flood: Flooded(folder / flood, flood) for flood in FLOODS}
    yield begun
    for flooded in begun.values():  # of some a test may run in another worker
        flooded.end()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc tells a process's peak here")
@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_in_a_verdict_on_each_case_within_the_memory(floods, flood):
    code, peak_mib, run = floods[flood].result()
    assert (code, run.attrs["complete"]) == (1, True)
    assert not set(run["verdict"]) & {"pass", ""}
    assert peak_mib < MOST_MIB


def test_what_a_server_prints_without_an_end_fills_no_disk(monkeypatch):
    sizes = []
    printed = "sseproof.launch.Server.printed_so_far"
    monkeypatch.setattr(
        printed, lambda server, *_: sizes.append(os.fstat(server._log.fileno()).st_size) or ""
    )
    with pytest.raises(LaunchError, match="has not printed its URL"):
        launch(BROKEN / "talks.py", within_s=1.5)
    assert 0 < max(sizes) <= LOG_BYTES + 2**17
    assert any(later < earlier for earlier, later in itertools.pairwise(sizes))  # it did begin anew
