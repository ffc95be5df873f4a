"""The result files that a report is made from, read once: a conformance run, a benchmark, a calibration, or all of them.

    read([Path("results/RUN")])

A run is a folder of results/: `conformance.jsonl`, `bench.jsonl`, `calibrate.jsonl`, or some of them. Rules of the file:
a file that cannot be read is a problem that the report tells, never one that stops it while another file can be read;
a calibration adds to a report and makes none by itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sseproof import figures, reading, results
from sseproof.ledger import near
from sseproof.terminal import UsageError

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("conformance", "bench")
CALIBRATE = "calibrate"


@dataclass
class Sources:
    """What there is to report: `conformance` as results.read() gives it, `bench` as reading.read(); None is missing.

    `calibration` is the records of how good the load generator is (figures.FIELDS), none where nobody looked.
    `problems` are sentences about what could not be read; `names` are the runs, the newest last.
    """

    conformance: pd.DataFrame | None = None
    bench: reading.Run | None = None
    calibration: Sequence[Mapping[str, Any]] = ()
    names: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def servers(self) -> list[str]:
        """The servers of all that was read, in the order they were told."""
        judged = list(self.conformance.attrs["header"]["servers"]) if self.conformance is not None else []
        measured = list(self.bench.header["servers"]) if self.bench else []
        return list(dict.fromkeys([*judged, *measured]))


def find(names: Sequence[str], root: Path) -> list[Path]:
    """Give the folders or files of these runs, the newest run's where none is named; raises ResultsError."""
    there = sorted(
        (path for path in (root / "results").glob("*") if any((path / f"{kind}.jsonl").is_file() for kind in KINDS)),
        key=lambda path: path.stat().st_mtime_ns,
    )  # fmt: skip
    if not names:
        if not there:
            raise results.ResultsError(
                "results/ holds no run yet: `nox -s conformance` or `nox -s bench` makes one"
            )
        return there[-1:]
    found = []
    for name in names:
        path = Path(name) if Path(name).exists() else root / "results" / name
        if not path.exists():
            known = [each.name for each in there]
            meant = near(name, known) or (f"; the newest is {known[-1]}" if known else "; results/ is empty")
            raise results.ResultsError(f"there is no run {name!r}{meant}")
        found.append(path)
    return found


def read(paths: Iterable[Path]) -> Sources:
    """Read runs, each a folder or a file; raises UsageError for two that hold the same kind."""
    found, taken = Sources(), dict[str, Path]()
    for path in paths:
        files = [path / f"{kind}.jsonl" for kind in (*KINDS, CALIBRATE)] if path.is_dir() else [path]
        files = [file for file in files if file.is_file()]
        if not files:
            found.problems.append(f"{path.name} holds neither {KINDS[0]}.jsonl nor {KINDS[1]}.jsonl")
        for file in files:
            kind = _take(found, file)
            if (before := taken.setdefault(kind, file)) != file:
                both = f"{_of(before)} and {_of(file)} both hold results of {kind}"
                raise UsageError(f"{both}: name the files of those that are meant, one of each kind")
    return found


def _take(found: Sources, file: Path) -> str:
    """Read a file and say of which kind it is; a run in results/ is called what its folder is, which may be a copy's."""
    kind = file.stem
    try:
        kind = kind_of(file)
        if kind == CALIBRATE:
            found.calibration = results.read_lines(file, figures.FIELDS)
            return kind
        if kind == "bench":
            found.bench = reading.read(file)
            header = found.bench.header
        else:
            found.conformance = results.read(file)
            header = found.conformance.attrs["header"]
    except results.ResultsError as error:
        found.problems.append(str(error))
        return kind
    name = header["run"] = called(file, header["run"])
    found.names = [each for each in found.names if each != name] + [name]
    return kind


def called(file: Path, run: str) -> str:
    """Give the name of a file's run: its folder's where that is one of results/, which may be a copy, else its header's."""
    folder = file.resolve().parent
    if file.stem in KINDS and folder.parent.name == "results":
        with contextlib.suppress(results.ResultsError):
            return results.run_id(folder.name)
    return run


def _of(file: Path) -> str:
    return file.parent.name if file.stem in KINDS else file.name


def kind_of(file: Path) -> str:
    """Say which kind of results a file holds, by its name or, where that tells nothing, by its header."""
    if file.stem in (*KINDS, CALIBRATE):
        return file.stem
    try:
        with file.open("rb") as lines:
            header = lines.readline(1_000_000)
        if b'"planned"' not in header:
            return "conformance"
        return "bench" if b'"servers"' in header else CALIBRATE
    except OSError as error:
        raise results.ResultsError(f"cannot read {file}: {error.strerror}") from None
