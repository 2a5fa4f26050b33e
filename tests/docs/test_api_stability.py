"""The page on the API's stability, and the note on migration, say what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connect.api import VERSION, PluginError
from connect.runtime.api_version import check
from tests.house.test_public_api import PUBLIC, strange_imports

DOCS = Path(__file__).parents[2] / "docs"
STABILITY = (DOCS / "reference" / "api-stability.md").read_text()
MIGRATION = (DOCS / "howto" / "migrate-a-plugin-to-api-1.md").read_text()
HOWTO = (DOCS / "howto" / "write-a-connector.md").read_text()


def test_the_page_lists_the_public_modules_and_the_version() -> None:
    assert re.findall(r"^\| `(connect\.api[\w.]*)` \|", STABILITY, re.MULTILINE) == list(PUBLIC)
    assert f"It is {VERSION}." in STABILITY


@pytest.mark.parametrize(
    ("needed", "have", "happens"), re.findall(r"^\| (\d\.\d) \| (\d\.\d) \| (.*) \|$", STABILITY, re.M)
)
def test_what_the_page_says_of_versions_happens(needed: str, have: str, happens: str) -> None:
    if happens == "It is taken.":
        check("tick", needed, have)
        return
    with pytest.raises(PluginError) as raised:
        check("tick", needed, have)
    assert happens == "The same." or f"`{raised.value.message}`" in happens


def test_the_table_of_versions_is_read() -> None:
    assert len(re.findall(r"^\| \d\.\d \|", STABILITY, re.MULTILINE)) == 4


@pytest.mark.parametrize("page", [MIGRATION, HOWTO], ids=["migration", "howto"])
def test_the_code_of_a_page_imports_public_names_alone(page: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert blocks
    for block in blocks:
        also = ("connect.testing",) if "def test_" in block else ()
        assert list(strange_imports(block, also=also)) == []
