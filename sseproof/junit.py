"""A conformance run as JUnit XML, as GitHub's actions, GitLab and Jenkins take it.

Strategy: a test suite per server, a test case per verdict. Only what turns the run's exit code is a failure (fail, stale) or
an error; a known failure, a missed recommendation and a finding are passed cases that say so in their output, a skip is
skipped. JUnit knows no run that was cut short, so such a run gets a suite of its own with an error in it: nobody shall
take half a run for a green one. Rule of the file: the elements and attributes are those of Jenkins' junit-10.xsd, and
every text is made of characters that XML has.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from sseproof import matrix, results
from sseproof.records import text

if TYPE_CHECKING:
    import pandas as pd

ELEMENTS = {"fail": "failure", "stale": "failure", "error": "error", "skip": "skipped"}
"""The element of each verdict that is more than a passed case."""

LONG, SHORT = 8_000, 300  # characters of a text and of a message
_NO_XML = re.compile("[\ufffe\uffff]")  # of what visible() leaves


def render(run: pd.DataFrame) -> bytes:
    """Make the XML of a run as results.read() gives it."""
    rows: list[dict[str, Any]] = run.to_dict("records")  # type: ignore[assignment]
    header: Mapping[str, Any] = run.attrs["header"]
    servers = dict.fromkeys([*header["servers"], *(text(row["server"]) for row in rows)])
    root = Element("testsuites", name=legal(f"sseproof {header['run']}"))
    for server in servers:
        own = [row for row in rows if text(row["server"]) == server]
        root.append(_suite(server, own, header, run.attrs["servers"].get(server)))
    if wrong := whole_run(run):
        root.append(_of_the_run(wrong))
    total = Counter[str]()
    for suite in root:
        total.update({name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors")})
    for name, count in total.items():
        root.set(name, str(count))
    root.set("time", _seconds(sum(float(suite.get("time", 0)) for suite in root)))
    ElementTree.indent(root)
    made: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return made + b"\n"


def whole_run(run: pd.DataFrame) -> list[str]:
    """Say what is wrong with a run besides its verdicts: cut short, or an entry of the ledger that cannot be right."""
    wrong = [str(problem) for problem in (run.attrs["footer"] or {}).get("problems", [])]
    if not run.attrs["complete"]:
        wrong.insert(0, "the run was cut short: what is missing has not passed")
    return wrong


def legal(value: str, limit: int = SHORT) -> str:
    """Give text that XML 1.0 can hold and a person can see: other characters as escapes, its middle cut."""
    return _NO_XML.sub(lambda found: ascii(found[0])[1:-1], results.visible(value, limit))


def _suite(
    server: str, rows: Sequence[Mapping[str, Any]], header: Mapping[str, Any], about: object
) -> Element:
    counts = Counter(ELEMENTS.get(_verdict(row), "passed") for row in rows)
    suite = Element(
        "testsuite", name=legal(server), tests=str(len(rows)), failures=str(counts["failure"]),
        errors=str(counts["error"]), skipped=str(counts["skipped"]),
        time=_seconds(sum(_number(row["seconds"]) for row in rows)),
    )  # fmt: skip
    if re.fullmatch(r"[\d:T-]{19}Z", started := text(header.get("started"))):
        suite.set("timestamp", started[:-1])  # Ant's form knows no zone
    properties = SubElement(suite, "properties")
    for name, value in _facts(header, about).items():
        SubElement(properties, "property", name=legal(name), value=legal(value))
    for row in rows:
        suite.append(_case(server, row, header))
    launches = {text(row["because"]) for row in rows if _unlaunched(row)}
    if launches:  # once, not with each of some 850 cases
        SubElement(suite, "system-err").text = legal("\n".join(sorted(launches)), LONG)
    return suite


def _facts(header: Mapping[str, Any], about: object) -> dict[str, str]:
    """Give what a run's properties are: the run, its seed and versions, and the server's own."""
    named = {name: header.get(name) for name in ("run", "seed", "revision", "started")}
    versions = header.get("versions")
    named |= {
        f"version.{name}": value
        for name, value in (versions.items() if isinstance(versions, Mapping) else ())
    }
    if isinstance(about, Mapping):
        told = {name: value for name, value in about.items() if isinstance(value, str)}
        named |= {f"server.{name}": value for name, value in list(told.items())[:50]}
    return {str(name): text(value) for name, value in named.items()}


def _case(server: str, row: Mapping[str, Any], header: Mapping[str, Any]) -> Element:
    verdict, case = _verdict(row), text(row["case"])
    # A dot would start another package in Jenkins' tree.
    group = ".".join(part.replace(".", "_") for part in (legal(server), legal(text(row["group"]))))
    made = Element("testcase", classname=group, name=legal(case), time=_seconds(_number(row["seconds"])))
    because = text(row["because"])
    message = legal(because.partition("\n")[0])
    if verdict == "skip":
        SubElement(made, "skipped", message=message)
    elif element := ELEMENTS.get(verdict):
        found = SubElement(made, element, type=verdict, message=message)
        found.text = "see the suite's system-err" if _unlaunched(row) else _story(server, row, header)
    elif verdict != "pass":
        SubElement(made, "system-out").text = legal(
            f"{verdict}: {results.VERDICTS[verdict].meaning}\n"
        ) + _story(server, row, header)
    return made


def _story(server: str, row: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    parts = [text(row[name]) for name in ("because", "finding", "known")]
    parts += [f"{text(row['why'])} ({text(row['level'])}, {text(row['anchor'])})"]
    parts += [results.command(header, server, text(row["case"])), text(row["transcript"])]
    return legal("\n\n".join(filter(None, parts)), LONG)


def _of_the_run(wrong: Sequence[str]) -> Element:
    suite = Element(
        "testsuite", name="sseproof", tests="1", failures="0", errors="1", skipped="0", time="0.000"
    )
    case = SubElement(
        suite,
        "testcase",
        classname="sseproof.run",
        name="the run is whole and its ledger is right",
        time="0.000",
    )
    SubElement(case, "error", type="run", message=legal(wrong[0])).text = legal("\n".join(wrong), LONG)
    return suite


def _verdict(row: Mapping[str, Any]) -> str:
    """Give a row's verdict; one that nobody knows judged nothing."""
    return str(row["verdict"]) if row["verdict"] in results.VERDICTS else "error"


def _unlaunched(row: Mapping[str, Any]) -> bool:
    return _verdict(row) == "error" and text(row["because"]).startswith(matrix.LAUNCH)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e9 else 0.0


def _seconds(value: float) -> str:
    return f"{value:.3f}"
