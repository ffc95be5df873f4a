"""The report as headless Chromium shows it: what a phone, a keyboard, a screen reader and a hostile file make of it.

Chromium is Debian's (SSEPROOF_CHROMIUM names another), axe-core comes from npm (`npm install --no-save axe-core`, or
SSEPROOF_AXE). Where one is missing the tests are skipped and say what to install; with SSEPROOF_BROWSER=required, as in CI,
that is a failure.
"""

import os
import shutil
from pathlib import Path

import pytest

from sseproof import page, sources
from tests.test_page import HOSTILE, run

ROOT = Path(__file__).parent.parent
CHROMIUM = os.environ.get("SSEPROOF_CHROMIUM") or shutil.which("chromium")
AXE = Path(os.environ.get("SSEPROOF_AXE") or ROOT / "node_modules" / "axe-core" / "axe.min.js")
RECORDED = ROOT / "tests" / "recorded" / "gate-base.jsonl"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]
VERDICTS = [
    {
        "verdict": "fail",
        "because": "received 1, expected 2",
        "transcript": "> GET /\n" * 40,
        "why": "So it is.",
    },
    {"verdict": "pass", "level": "recommended"},
    {"verdict": "known", "known": "it is so (x >=3.0) https://example.org/1", "group": "limits"},
    {"verdict": "note", "finding": "answers 200", "level": "observed", "group": "limits"},
]


def lacking(what, command):
    if os.environ.get("SSEPROOF_BROWSER") == "required":
        pytest.fail(f"{what} is missing: {command}")
    pytest.skip(f"{what} is missing: {command}")


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        lacking("Chromium", "apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        lacking("Playwright", "pip install playwright")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def show(chromium, tmp_path):
    """Open the page of these verdicts (and of a recorded benchmark); `seen` on it is all that went wrong or out."""
    contexts = []

    def open_page(*verdicts, width=1280, theme="light", bench=True):
        html = page.render(sources.read([run(tmp_path, *verdicts), *([RECORDED] if bench else [])]))
        (tmp_path / "conformance.jsonl").unlink()
        file = tmp_path / "page.html"
        file.write_text(html, encoding="utf-8")
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        contexts.append(context)
        tab = context.new_page()
        tab.seen = []
        tab.on("console", lambda message: tab.seen.append(message.text))
        tab.on("pageerror", lambda error: tab.seen.append(str(error)))
        tab.on("dialog", lambda dialog: (tab.seen.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda request: request.url == file.as_uri() or tab.seen.append(request.url))
        tab.goto(file.as_uri())
        return tab

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_quiet_fits_and_is_accessible(show, width, theme):
    if not AXE.is_file():
        lacking("axe-core", "npm install --no-save axe-core")
    tab = show(*VERDICTS, width=width, theme=theme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.seen == []
    tab.evaluate(AXE.read_text("utf-8"))  # not as a tag: the page's own policy lets no other script in
    violations = tab.evaluate("axe.run().then(found => found.violations)")
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in violations] == []


def test_every_figure_says_what_it_shows(show):
    tab = show(*VERDICTS)
    labels = tab.eval_on_selector_all("svg", "all => all.map(each => each.getAttribute('aria-label') || '')")
    assert labels and all(len(label) > 20 for label in labels)


def test_what_a_hostile_file_holds_is_shown_and_does_nothing(show):
    fields = ("case", "because", "finding", "known", "transcript", "why", "anchor", "group")
    tab = show({"verdict": "fail", **dict.fromkeys(fields, HOSTILE)}, width=390, bench=False)
    assert tab.seen == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.locator("script").count() == 1 and tab.locator("img").count() == 0


def test_a_filter_leaves_what_was_asked_for_and_says_how_many(show):
    tab = show(*VERDICTS)
    assert "4" in tab.locator(".filters [role=status]").inner_text()
    tab.get_by_role("button", name="Only what was missed").click()
    shown = tab.locator(".filters [role=status]").inner_text()
    assert "2" in shown and "4" in shown
    tab.get_by_role("button", name="All cases").click()
    assert "4" in tab.locator(".filters [role=status]").inner_text()


def test_a_cell_opens_its_cases_by_keyboard(show):
    tab = show(*VERDICTS)
    boxes = "id => document.querySelector(id).closest('details').open"
    cells = tab.locator("#matrix td a").all()
    [cell, *_] = [each for each in cells if not tab.evaluate(boxes, each.get_attribute("href"))]
    cell.focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate(boxes, cell.get_attribute("href")) is True


def test_printed_it_fits_its_paper(show):
    tab = show(*VERDICTS, width=794)
    tab.emulate_media(media="print")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 794
    assert not tab.get_by_role("navigation").is_visible()
