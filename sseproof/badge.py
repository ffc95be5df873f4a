"""A server's verdicts as a badge: "SSE conformance | 849/850, 1 known", an SVG of its own.

Strategy: the widths come from a table and `textLength` makes any font fill them, so a badge looks alike where its font is
missing. Rule of the file: a badge never says more than the run: what judged nothing (note, skip) is not counted, and a run
that was cut short says so instead of looking green.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from sseproof import results
from sseproof.junit import legal, whole_run
from sseproof.records import text

if TYPE_CHECKING:
    import pandas as pd

LABEL = "SSE conformance"
COLOURS = {"good": "#1a7f37", "mixed": "#7d5700", "bad": "#b3261e", "none": "#57606a", "label": "#3d444d"}
"""Grounds of white text, each with a contrast of more than 5 to it."""

HEIGHT, PAD, LONGEST = 20, 7, 80
_WIDE = 13.0
_WIDTHS = {  # Verdana at 11 px: characters of about the same width
    3.0: "ijl", 3.9: " ,.:'!|I", 4.7: "ft()/[]-", 5.0: "rJ", 6.0: "cksvxyz", 6.8: "abdeghnopqu0123456789_F",
    7.6: "ABCEKLPRSTXYZ", 8.5: "DGHNOQUV", 9.0: "w", 10.8: "mMW%@",
}  # fmt: skip
WIDTH = {character: width for width, characters in _WIDTHS.items() for character in characters}


def of(run: pd.DataFrame) -> dict[str, str]:
    """Make the badge of each server of a run, by its name."""
    found: dict[str, Counter[str]] = {str(name): Counter() for name in run.attrs["header"]["servers"]}
    for server, verdict in zip(run["server"], run["verdict"], strict=True):
        found.setdefault(text(server), Counter())[verdict if verdict in results.VERDICTS else "error"] += 1
    doubt = "" if not whole_run(run) else "ledger is wrong" if run.attrs["complete"] else "cut short"
    return {server: render(server, counts, doubt) for server, counts in found.items()}


def message(counts: Mapping[str, int], doubt: str = "") -> tuple[str, str]:
    """Say a server's counts in a few words, with the name of their colour; `doubt` is what is wrong with the run."""
    judged = {verdict: n for verdict, n in counts.items() if n and verdict not in ("note", "skip")}
    if not judged:
        return "not judged", "none"
    told = [f"{judged.get('pass', 0):,}/{sum(judged.values()):,}"]
    told += [
        f"{judged[verdict]:,} {verdict}"
        for verdict in results.VERDICTS
        if verdict in judged and verdict != "pass"
    ]
    if any(verdict in judged for verdict in results.UNWELCOME):
        colour = "bad"
    else:
        colour = "none" if doubt else "good" if len(told) == 1 else "mixed"
    return ", ".join([*told, *([doubt] if doubt else [])]), colour


def render(server: str, counts: Mapping[str, int], doubt: str = "") -> str:
    """Make one badge as SVG."""
    said, colour = message(counts, doubt)
    left, right = width(LABEL) + 2 * PAD, width(said) + 2 * PAD
    total = round(left + right, 1)
    name = f"{legal(server, LONGEST)}: {LABEL}: {said}"
    svg = Element(
        "svg",
        {"xmlns": "http://www.w3.org/2000/svg", "width": f"{total:g}", "height": str(HEIGHT), "role": "img"},
    )
    svg.set("viewBox", f"0 0 {total:g} {HEIGHT}")
    svg.set("aria-label", name)
    SubElement(svg, "title").text = name
    clip = SubElement(svg, "clipPath", id="round")
    SubElement(clip, "rect", width=f"{total:g}", height=str(HEIGHT), rx="3")
    ground = SubElement(svg, "g", {"clip-path": "url(#round)"})
    SubElement(ground, "rect", width=f"{left:g}", height=str(HEIGHT), fill=COLOURS["label"])
    SubElement(ground, "rect", x=f"{left:g}", width=f"{right:g}", height=str(HEIGHT), fill=COLOURS[colour])
    words = SubElement(
        svg, "g", {"fill": "#fff", "font-family": "Verdana, DejaVu Sans, sans-serif", "font-size": "11"}
    )
    for start, given in ((0.0, LABEL), (left, said)):
        SubElement(
            words,
            "text",
            x=f"{start + PAD:g}",
            y="14",
            textLength=f"{width(given):g}",
            lengthAdjust="spacingAndGlyphs",
        ).text = given
    return ElementTree.tostring(svg, encoding="unicode") + "\n"


def width(words: str) -> float:
    """Give the width of a text in px at 11 px: of the table's characters as there, of others by their kind."""
    wide = {"W": _WIDE, "F": _WIDE}
    return round(
        sum(WIDTH.get(each) or (0.0 if unicodedata.combining(each) else wide.get(unicodedata.east_asian_width(each), 7.6))
            for each in words), 1,
    )  # fmt: skip


def files(servers: Iterable[str]) -> dict[str, str]:
    """Give each server a file's name of letters, digits, '_', '-' and '.', no two alike even where case does not count."""
    taken: set[str] = set()
    found = {}
    for server in servers:
        base = re.sub(r"[^A-Za-z0-9_.-]+", "-", server).lstrip(".-")[:LONGEST] or "server"
        name, number = base, 1
        while name.lower() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.lower())
        found[server] = f"{name}.svg"
    return found
