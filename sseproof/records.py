"""A run as flat tables, for spreadsheets and data frames: a row per verdict, a row per trial.

Strategy: a trial is a tree; TRIAL says for each column where its value stands in that tree and of what type it is. Rule of
the file: the types are said here and never guessed from the values, so that the tables of two runs always fit under each
other. What is a list or a table of its own (marks, steps, failures) stays as JSON text in one column.

Texts are as they were recorded, uncut. So a cell may begin with "=" or "@", which a spreadsheet may take for a formula: a
quote before it would be other data. Only what UTF-8 cannot carry, a lone surrogate, becomes an escape.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sseproof import results

if TYPE_CHECKING:
    import pandas as pd

    from sseproof.reading import Run

Path = tuple[str, ...]

WHOLE, REAL, TEXT = "Int64", "float64", "str"
"""The types of columns, as pandas names them. A whole number may be missing."""

_OWN = {
    WHOLE: "number block",
    TEXT: "scenario way transport door server state reason marks figures missed",
    REAL: "seconds load_average",
}
_LOAD = {
    WHOLE: "users payload_bytes trials",
    REAL: "spawn_rate publish_rate warm_up_s measure_s drain_s join_s",
    TEXT: "options",
}
_TALLY = {
    WHOLE: "streams clients awaited unserved seen due lost deliveries came requests duplicates reordered early cuts broken reconnects "
    "wire_in_bytes wire_out_bytes largest visits sleepers jitter_ns",
    REAL: "worst_client_seen_share visits_per_s tokens_per_s",
    TEXT: "clock failures problems generators steps on_paper",
}
_USAGE = {
    WHOLE: "samples fds fds_before threads processes tcp_bytes tcp_grown_bytes pss_bytes pss_before_bytes grown_bytes",
    REAL: "cpu_s cpu_share",
}
_DERIVED = {
    REAL: "seen_share server_cpu_s_per_1000 door_cpu_s_per_1000 door_kib_per_stream wire_in_bytes_per_event wire_out_bytes_per_event requests_per_event "
    "kib_per_stream tcp_kib_per_stream",
}
_PUBLISHER = {WHOLE: "sent refused due late_p50_ns late_p99_ns late_max_ns", TEXT: "failure refusal"}
_PAIRS = {"window": "from_ns until_ns", "storm": "cut back", "answers": "begun whole"}
HISTOGRAMS = ("staleness", "reader_staleness", "lag", "connect", "headers", "first_event", "gap", "back")
QUANTILES = ("p50", "p90", "p99", "p99.9", "max")


def _columns() -> Iterator[tuple[str, Path, str]]:
    tables: list[tuple[str, Path, Mapping[str, str]]] = [
        ("", (), _OWN), ("", (), {WHOLE: "judged connections_before"}), ("load_", ("load",), _LOAD),
        ("", ("tally",), _TALLY), ("publisher_", ("tally", "publisher"), _PUBLISHER),
        ("server_", ("usage",), _USAGE), ("door_", ("door_usage",), _USAGE), ("", ("derived",), _DERIVED),
        *((f"{name}_", ("tally", name), {WHOLE: found}) for name, found in _PAIRS.items()),
    ]  # fmt: skip
    for prefix, where, table in tables:
        for kind, names in table.items():
            for name in names.split():
                yield f"{prefix}{name}", (*where, name), kind
    for histogram in HISTOGRAMS:
        where = ("tally", "quantiles", histogram)
        yield f"{histogram}_n", (*where, "n"), WHOLE
        for quantile in QUANTILES:
            yield f"{histogram}_{quantile.replace('.', '_')}_ns", (*where, quantile), WHOLE
        yield f"{histogram}_mean_ns", (*where, "mean"), REAL


TRIAL: Mapping[str, tuple[Path, str]] = {name: (path, kind) for name, path, kind in _columns()}
"""Each column of the trials' table: where its value stands in the record, and its type."""

VERDICT = {name: REAL if kind == "float" else TEXT for name, kind in results.COLUMNS.items()}
"""Each column of the verdicts' table, and its type; `parameters` is JSON text."""


def verdicts(frame: pd.DataFrame) -> pd.DataFrame:
    """Make a row of each verdict that results.read() gave, with the run's name before it."""
    rows = [{name: row[name] for name in VERDICT} for row in frame.to_dict("records")]
    return _table(str(frame.attrs["header"]["run"]), rows, VERDICT)


def trials(run: Run, *, histograms: bool = False) -> pd.DataFrame:
    """Make a row of each trial, with the run's name before it; times in the unit of the column's name.

    `histograms` adds their base64 as text. Of trials of the same number only the last is there, as in every report.
    """
    paths = {name: path for name, (path, _) in TRIAL.items()}
    kinds = {name: kind for name, (_, kind) in TRIAL.items()}
    if histograms:
        added = {f"{name}_histogram": ("tally", "histograms", name) for name in HISTOGRAMS}
        paths, kinds = {**paths, **added}, {**kinds, **dict.fromkeys(added, TEXT)}
    rows = [{name: _at(trial, path) for name, path in paths.items()} for trial in run.trials]
    return _table(str(run.header["run"]), rows, kinds)


def csv(table: pd.DataFrame) -> bytes:
    """Write a table as CSV (RFC 4180) in UTF-8; what is missing is an empty cell."""
    return table.to_csv(index=False, lineterminator="\r\n").encode("utf-8")


def parquet(table: pd.DataFrame) -> bytes:
    """Write a table as Parquet; raises ImportError without pyarrow."""
    made = io.BytesIO()
    table.to_parquet(made, engine="pyarrow", index=False)
    return made.getvalue()


def text(value: object) -> str:
    """Give a value that came from a file as text that UTF-8 can carry; nothing for None and NaN."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    told = value if isinstance(value, str) else json.dumps(value, default=str)
    return told.encode("utf-8", "backslashreplace").decode("utf-8")


def _table(run: str, rows: list[dict[str, Any]], kinds: Mapping[str, str]) -> pd.DataFrame:
    import pandas as pd

    columns: dict[str, pd.Series[Any]] = {"run": pd.Series([text(run)] * len(rows), dtype=TEXT)}
    for name, kind in kinds.items():
        columns[name] = pd.Series([_cast(row[name], kind) for row in rows], dtype=kind)
    return pd.DataFrame(columns)


def _cast(value: object, kind: str) -> Any:
    """Give a value as its column wants it; what is of another type, or too large, is missing."""
    if kind == TEXT:
        return text(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= 2**63:
        return None
    return int(value) if kind == WHOLE and value == value else value


def _at(record: Any, path: Path) -> Any:
    for name in path:
        record = record.get(name) if isinstance(record, Mapping) else None
    return record
