"""The README's pictures, from a run's page: `python docs/pictures.py CASES FIGURES` (two runs, or one) in the environment of `nox -s report`.

The chart is the page's own, with the page's colours of the light theme written into it. The matrix is a screenshot by headless
Chromium (SSEPROOF_CHROMIUM, or the one on PATH); without Chromium the old one stays, which is said.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sseproof import costs, environment, page, sources

DOCS = Path(__file__).parent
STYLE = (page.TEMPLATES / "style.css").read_text("utf-8")


def chart(run: sources.Sources) -> None:
    """Write docs/staleness.svg."""
    assert run.bench is not None
    svg = str(costs.polling(run.bench)["charts"][0].svg)
    for name, colour in re.findall(r"--(\w+): (#\w+)", STYLE.partition("@media")[0]):
        svg = svg.replace(f"var(--{name})", colour)
    paper = '<rect width="100%" height="100%" fill="#fff"/>'
    svg = re.sub('(<svg [^>]*?style=")([^>]*>)', rf"\1font-family: sans-serif; \2{paper}", svg, count=1)
    (DOCS / "staleness.svg").write_text(svg, encoding="utf-8")


def matrix(run: sources.Sources) -> None:
    """Write docs/matrix.png."""
    chromium = os.environ.get("SSEPROOF_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        sys.exit("docs/matrix.png stays as it is: there is no chromium (apt-get install chromium)")
    html = page.render(run)
    style = re.search(r"<style>.*?</style>", html, re.DOTALL)
    table = re.search(r"<table.*?</table>", html[html.index('id="matrix"') :], re.DOTALL)
    assert style and table
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "matrix.html"
        file.write_text(
            f"<!doctype html><html><meta charset=utf-8>{style[0]}<body>{table[0]}", encoding="utf-8"
        )
        words = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ]
        words += [f"--user-data-dir={folder}/profile", "--hide-scrollbars", "--window-size=1180,470"]
        picture = DOCS / "matrix.png"
        subprocess.run(
            [chromium, *words, f"--screenshot={picture}", file.as_uri()],
            check=True,
            capture_output=True,
            timeout=60,
        )


if __name__ == "__main__":
    found = sources.read(sources.find(sys.argv[1:], environment.ROOT))
    chart(found)
    matrix(found)
