"""docs/reference.md lists every tag and table that the code writes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "reference.md").read_text()


def texts() -> Iterator[str]:
    """Yield every string in the code of the pipeline."""
    for path in (ROOT / "pipeline").rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text()))
        yield from (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


TAGS = sorted({text for text in texts() if re.fullmatch(r"layerwise\.[a-z_]+", text)})
TABLES = sorted({text for text in texts() if re.fullmatch(r"\w+\.csv", text)})


@pytest.mark.parametrize("name", [*TAGS, *TABLES])
def test_every_tag_and_table_that_the_code_names_is_in_the_reference(name: str) -> None:
    assert re.search(rf"`{re.escape(name)}(\.<\w+>)?`", REFERENCE)


def test_every_table_of_the_reference_is_named_in_the_code() -> None:
    named = set(re.findall(r"`(\w+)\.csv`", REFERENCE))
    assert named
    written = {text.removesuffix(".csv") for text in texts() if re.fullmatch(r"\w+(\.csv)?", text)}
    assert named - written == set()


def test_every_tag_of_the_reference_is_named_in_the_code() -> None:
    named = set(re.findall(r"`(layerwise\.[a-z_]+)(?:\.<\w+>)?`", REFERENCE))
    assert named
    assert named - set(TAGS) == set()
