"""The controlling side of a run: keeps each verdict as it comes, then tells the whole.

With xdist the cases run elsewhere and their records arrive on reports; without, in this very process: the
same hooks see both. Rule of the file: only this process writes the result file, and only a run that went
its whole way gets a footer.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sseproof import doors, ledger, machine, matrix, results
from sseproof.cases import Collected, nothing_chosen


class Run:
    """One run and its files, as a pytest plugin of the controlling process."""

    def __init__(
        self,
        config: pytest.Config,
        scripts: Mapping[str, Path],
        known: Sequence[ledger.Known],
        collected: Collected,
    ) -> None:
        self.config, self.scripts, self.known, self.collected = config, scripts, known, collected
        option = config.option
        try:
            option.run = results.run_id(option.run)
        except results.ResultsError as error:
            raise pytest.UsageError(str(error)) from None
        self.path = config.rootpath / "results" / config.option.run / "conformance.jsonl"
        self.started = time.monotonic()
        self.writer: results.Writer | None = None
        self.told: set[str] = set()
        self.abouts: dict[str, Any] = {}
        self.counts: Counter[str] = Counter()
        self.cut = False

    def pytest_sessionstart(self) -> None:
        option, root = self.config.option, self.config.rootpath
        names = {
            name: name if script.parent == root / "servers" else os.path.relpath(script, root)
            for name, script in self.scripts.items()
        }
        header = {
            "run": option.run,
            "started": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "revision": machine.revision(root),
            "machine": machine.describe(),
            "versions": {
                name: importlib.metadata.version(name) for name in ("h11", "hypothesis", "pytest", "uv")
            },
            "seed": option.seed,
            "servers": names,
            "with": option.with_,
            "options": [str(arg) for arg in self.config.invocation_params.args],
        }
        try:
            self.writer = results.Writer(self.path, header)
        except (results.ResultsError, OSError) as error:
            raise pytest.UsageError(str(error)) from None
        at_once = self.config.option.numprocesses or 1
        count = f"{len(names)} servers, {at_once} at a time" if len(names) > 1 else next(iter(names))
        self.config.get_terminal_writer().line(f"run {option.run}, seed {option.seed}: {count}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        record: dict[str, Any] | None = getattr(report, "sseproof", None)
        if record is None and str(report.when) == "???" and report.nodeid not in self.told:
            self.told.add(report.nodeid)  # xdist tries again what a worker died of
            record = self._lost(report)
        if record is None or self.writer is None:
            return
        about = record.pop("about", None)
        if about is not None and record["server"] not in self.told:
            self.told.add(record["server"])
            self.writer.line("server", {"name": record["server"], "about": about})
            self.abouts[record["server"]] = about
        self.writer.line("verdict", record)
        record["transcript"] = ""  # pytest keeps every report to the end
        self.counts[record["verdict"]] += 1

    def _lost(self, report: pytest.TestReport) -> dict[str, Any]:
        """Make the record of a case whose worker died under it, of which only the report's id is known."""
        path, _, item = report.nodeid.partition("::")
        server = next((name for name in self.scripts if re.search(rf"\[{re.escape(name)}[-\]]", item)), "")
        case = item.replace(f"[{server}]", "").replace(f"[{server}-", "[")
        record = {"server": server, "case": case, "group": Path(path).stem.removeprefix("test_")}
        return record | {"verdict": "error", "because": str(report.longrepr)}

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["seed"] = self.config.option.seed

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        found = getattr(node, "workeroutput", {}).get("sseproof")
        if found:  # every worker collects the same
            self.collected = Collected(**found)

    def pytest_keyboard_interrupt(self) -> None:
        self.cut = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        found, status = self.collected, int(session.exitstatus)
        if found.problems:
            status = int(pytest.ExitCode.USAGE_ERROR)
        elif status == pytest.ExitCode.NO_TESTS_COLLECTED:
            found.problems.append(nothing_chosen(self.config.option.keyword, found))
            status = int(pytest.ExitCode.USAGE_ERROR)
        elif status in (0, 1):
            found.problems += ledger.unmatched(self.known, found.cases) if self._whole() else []
            found.problems += ledger.foreign(self.known, self.abouts)
            status = max(status, int(bool(found.problems)))
        # Whatever stopped it (-x, Ctrl-C, workers that died): a whole run has a verdict on each case chosen.
        self.cut = self.cut or status not in (0, 1) or sum(self.counts.values()) != found.selected
        session.exitstatus = status
        if self.writer and not self.cut:
            seconds = round(time.monotonic() - self.started, 1)
            footer = {"counts": self.counts, "seconds": seconds, "exit": status}
            self.writer.line(
                "footer", footer | {"slow": found.slow, "shut": found.shut, "problems": found.problems}
            )
        if self.writer:
            self.writer.close()

    def _whole(self) -> bool:
        """Say whether the whole battery was asked for, so that an entry without a case must be wrong."""
        option = self.config.option
        narrowing = (
            "server",
            "keyword",
            "markexpr",
            "deselect",
            "lf",
            "file_or_dir",
            "ignore",
            "ignore_glob",
        )
        return not any(getattr(option, name, None) for name in narrowing)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        writer = self.config.get_terminal_writer()
        writer.line()
        if not self.counts:
            self.path.unlink(missing_ok=True)  # nothing was judged: nothing is left behind
            self.path.parent.rmdir() if self.path.parent.exists() and not any(
                self.path.parent.iterdir()
            ) else None
            if self.cut and not self.collected.problems:
                writer.line("Nothing was judged.", red=True, bold=True)
        elif not self.config.option.no_summary:
            try:
                self._tell()
            except KeyboardInterrupt:
                again = f"sseproof report {self.path.parent.name}"
                writer.line(
                    f"\ninterrupted while the page was made; {self.path} is written; the page: {again}"
                )
        for problem in self.collected.problems:
            writer.line(f"ERROR: {problem}", red=True)

    def _tell(self) -> None:
        writer, root = self.config.get_terminal_writer(), self.config.rootpath
        from sseproof import report  # a page takes packages that no run has to hold in memory

        written, found = report.write([self.path.parent], root)
        run = found.conformance
        assert run is not None, found.problems  # this run has just written it
        writer.write(matrix.show(run, colour=writer.hasmarkup))
        if self.collected.slow:
            writer.line(f"{self.collected.slow:>6} slow cases were not run, --slow runs them")
        if self.collected.shut:
            ways = doors.told(set(self.collected.doors))
            writer.line(f"{self.collected.shut:>6} cases through other doors were not run, {ways} runs them")
        if not run.attrs["complete"]:
            writer.line("This run was cut short: what is missing above has not passed.", red=True, bold=True)
        writer.line(
            f"{time.monotonic() - self.started:.1f} s; results: {self.path.relative_to(root)}; page: {written.relative_to(root)}"
        )
