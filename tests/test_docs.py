"""The code that the documents show is the code there is; `python tests/test_docs.py` writes it anew.

A block stands behind a comment that names its source: `<!-- servers/x_y.py -->` for a whole file,
`<!-- conformance/test_x.py: test_y -->` for one function with its decorators.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
BLOCK = re.compile(
    r"<!-- (?P<path>[\w/]+\.py)(?:: (?P<name>\w+))? -->\n\n```python\n(?P<code>.*?)```", re.DOTALL
)


def source(path, name):
    text = (ROOT / path).read_text()
    if name is None:
        return text
    node = next(node for node in ast.parse(text).body if getattr(node, "name", None) == name)
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return "\n".join(text.splitlines()[first - 1 : node.end_lineno]) + "\n"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_shows_a_whole_server_and_a_whole_case_as_they_are(document):
    blocks = list(BLOCK.finditer(document.read_text()))
    assert {block["path"].split("/")[0] for block in blocks} == {"servers", "conformance"}
    assert {block["code"] == source(block["path"], block["name"]) for block in blocks} == {True}


@pytest.mark.parametrize("document", [*DOCUMENTS, *ROOT.glob("docs/*.md")], ids=lambda path: path.name)
def test_a_document_links_to_files_that_are_there(document):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def _written_anew(block):
    start = block.start("code") - block.start()
    return f"{block[0][:start]}{source(block['path'], block['name'])}```"


if __name__ == "__main__":
    for each in DOCUMENTS:
        each.write_text(BLOCK.sub(_written_anew, each.read_text()))
