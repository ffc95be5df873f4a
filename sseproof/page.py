"""A run as a person in a browser reads it: one HTML file that needs nothing else.

Strategy: each section of the page is a module that computes what it tells (short, costs, claims, method; casebook for
the matrix) and a template that says it. Rule of the file: a server's output never becomes HTML; every value goes
through visible() and Jinja2's escaping. The only exception are charts, which charts.py draws: there a server's words
are text that matplotlib has escaped. As the belt to these braces the page carries a policy that lets one script run,
ours, and nothing be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

from sseproof import casebook, claims, method, reading, results, said, short
from sseproof.sources import Sources

TEMPLATES = Path(__file__).parents[1] / "reports" / "templates"
STANDARD = "https://html.spec.whatwg.org/multipage/server-sent-events.html"
FETCH = {
    "Fetch, CORS protocol": "http-cors-protocol",
    "Fetch, CORS protocol and credentials": "cors-protocol-and-credentials",
    "Fetch, CORS protocol and HTTP caches": "cors-protocol-and-http-caches",
    "Fetch, CORS-preflight fetch": "cors-preflight-fetch",
}


class Section(NamedTuple):
    """A part of the page: its template's name and id, its title, what the template calls its data, who makes that."""

    name: str
    title: str
    data: str
    make: Callable[[Sources], object]


SECTIONS = (
    Section("short", "In short", "short", lambda found: short.sentences(found)),
    Section("matrix", "Matrix", "matrix", lambda found: _if(found.conformance, casebook.section)),
    Section("polling", "SSE against polling", "polling", lambda found: _if(found.bench, _polling)),
    Section("servers", "Servers", "compared", lambda found: _if(found.bench, _servers)),
    Section("doors", "What a proxy or a broker costs", "doors", lambda found: _if(found.bench, _doors)),
    Section("claims", "What the tutorials say", "claims", lambda found: claims.check(found)),
    Section("method", "Method and machine", "method", lambda found: method.facts(found)),
)
"""The sections in the order a reader asks. Their functions are looked up when called, so that a test can replace one."""


def _if(run: Any, make: Callable[[Any], object]) -> object:
    return None if run is None else make(run)


def _polling(run: reading.Run) -> object:
    # matplotlib: half a second and 40 MB that a page without a benchmark need not take
    from sseproof import costs

    return costs.polling(run)


def _servers(run: reading.Run) -> object:
    from sseproof import standings

    return standings.servers(run)


def _doors(run: reading.Run) -> object:
    from sseproof import tolls

    return tolls.section(run)


def templates(limit: int = 20_000) -> jinja2.Environment:
    """Give our templates; of a text that a server may have written they show so many characters."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: _shown(value, limit),
    )


def _shown(value: object, limit: int) -> object:
    """Give what a page shows of a value: ours as it is, a text as far as that goes, lists and objects as short text."""
    if isinstance(value, dict | list):
        return said.said(value)
    return results.visible(value, limit) if type(value) is str else value


def render(found: Sources) -> str:
    """Make the HTML of what there is to report; a section that misses its data says so and how to get it.

    A section that breaks on its data, which takes a file that no run of ours wrote, becomes one of `found.problems`.
    """
    ours = templates()
    known = {"names": found.names, "bench": found.bench, "anchor": anchor, "sentence": results.sentence}
    told = [(section.name, section.title, _tell(section, found, ours, known)) for section in SECTIONS]
    script = (TEMPLATES / "filters.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return ours.get_template("index.html").render(
        names=found.names,
        problems=found.problems,
        sections=told,
        script=Markup(script),
        style=Markup("".join((TEMPLATES / f"{name}.css").read_text("utf-8") for name in ("style", "charts"))),
        policy=f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'",
    )


def _tell(section: Section, found: Sources, ours: jinja2.Environment, known: Mapping[str, object]) -> Markup:
    try:
        data = {**known, section.data: section.make(found)}
        return Markup(ours.get_template(f"{section.name}.html").render(data))
    except Exception as error:  # whatever it is in a file that one section cannot tell, the others can
        problem = f"the section {section.title!r} could not be made: {type(error).__name__}: {error}"
        found.problems.append(problem)
        return Markup('<section id="{0}" aria-labelledby="{0}-title"><h2 id="{0}-title">{1}</h2><p>{2}</p></section>').format(
            section.name, section.title, results.visible(problem, 1000)
        )  # fmt: skip


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
