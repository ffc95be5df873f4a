"""A run as a person in a browser reads it: one HTML file that needs nothing else.

Made from the result file alone, so that a page can be made anew from an old run:
`python -m sseproof.page results/RUN/conformance.jsonl reports/RUN`. Rule of the file: a server's output
never becomes HTML; every value goes through visible() and Jinja2's escaping, without exception.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from sseproof import matrix, results

if TYPE_CHECKING:
    import pandas as pd

TEMPLATES = Path(__file__).parents[1] / "reports" / "templates"
STANDARD = "https://html.spec.whatwg.org/multipage/server-sent-events.html"
FETCH = {
    "Fetch, CORS protocol": "http-cors-protocol",
    "Fetch, CORS protocol and credentials": "cors-protocol-and-credentials",
    "Fetch, CORS protocol and HTTP caches": "cors-protocol-and-http-caches",
    "Fetch, CORS-preflight fetch": "cors-preflight-fetch",
}


def write(path: Path, folder: Path) -> Path:
    """Make the page of one result file in this folder; returns the page. Raises ResultsError."""
    run = results.read(path)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "index.html"
    page.write_text(render(run), encoding="utf-8")
    return page


def render(run: pd.DataFrame) -> str:
    """Make the HTML of a run as results.read() gives it."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: results.visible(value) if type(value) is str else value,
    )
    header: dict[str, Any] = run.attrs["header"]
    counts = run["verdict"].value_counts()
    return templates.get_template("conformance.html").render(
        header=header,
        footer=run.attrs["footer"],
        complete=run.attrs["complete"],
        verdicts=results.VERDICTS,
        unwelcome=results.UNWELCOME,
        levels=results.LEVELS,
        counts={verdict: int(counts.get(verdict, 0)) for verdict in results.VERDICTS},
        groups=matrix.groups(run),
        cells=matrix.cells(run),
        servers=[_server(run, name) for name in header["servers"]],
        anchor=anchor,
        sentence=results.sentence,
        command=_command(header),
    )


def anchor(text: str) -> str | None:
    """Give the link of an anchor: into the HTML Standard, an RFC ("RFC 9112 section 6.1") or Fetch; None for others."""
    if text == "#text/event-stream":
        return STANDARD.replace("server-sent-events", "iana") + text
    if re.fullmatch(r"#[\w:.-]+", text):
        return STANDARD + text
    if rfc := re.fullmatch(r"RFC (\d+) section (\d+(?:\.\d+)*)", text):
        return f"https://www.rfc-editor.org/rfc/rfc{rfc[1]}.html#section-{rfc[2]}"
    if text in FETCH:
        return f"https://fetch.spec.whatwg.org/#{FETCH[text]}"
    return None


def _command(header: dict[str, Any]) -> Callable[[str, str], str]:
    return lambda server, case: results.command(header, server, case)


def _server(run: pd.DataFrame, name: str) -> dict[str, Any]:
    """Group one server's rows for the page: what did not pass by group, what passed, why it never came up."""
    rows: list[dict[str, Any]] = run[run["server"] == name].to_dict("records")  # type: ignore[assignment]
    unlaunched = [
        row for row in rows if row["verdict"] == "error" and row["because"].startswith(matrix.LAUNCH)
    ]
    about = run.attrs["servers"].get(name)
    launched = [row for row in rows if not unlaunched or row not in unlaunched]

    def by_group(*verdicts: str) -> dict[str, list[dict[str, Any]]]:
        chosen = [row for verdict in verdicts for row in launched if row["verdict"] == verdict]
        return {
            group: found
            for group in matrix.groups(run)
            if (found := [r for r in chosen if r["group"] == group])
        }

    return {
        "name": name,
        "about": about if isinstance(about, dict) else None,
        "encoder": matrix.encoder(about),
        "unlaunched": len(unlaunched),
        "launch_error": unlaunched[0]["because"].removeprefix(matrix.LAUNCH) if unlaunched else "",
        "missed": by_group("error", "fail", "stale", "warn", "known"),
        "noted": by_group("note", "skip"),
        "passed": by_group("pass"),
    }


if __name__ == "__main__":
    try:
        print(write(Path(sys.argv[1]), Path(sys.argv[2])))
    except (IndexError, results.ResultsError) as error:
        sys.exit(str(error) if isinstance(error, results.ResultsError) else __doc__)
