"""Writes the map of the folders in docs/explanation/architecture.md: `python -m tests.docs.house_map`.

A line of the map is a package's folder and the first sentence of its `__init__.py`. A test fails where the map is not
what would be written now.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "architecture.md"
HOUSES = ("connect", "plugins", "converters", "transforms")
BEGIN, END = "<!-- map: python -m tests.docs.house_map -->", "<!-- end of map -->"


def packages() -> list[Path]:
    """Return the folder of every package, in the order of their paths."""
    return sorted(init.parent for house in HOUSES for init in (ROOT / house).rglob("__init__.py"))


def about(package: Path) -> str:
    """Return what a package says of itself."""
    return ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""


def first_sentence(text: str) -> str:
    """Return the first sentence of a docstring, in one line and without the mark of a public package."""
    line = " ".join(text.split("\n\n")[0].split()).removeprefix("PUBLIC. ")
    return re.split(r"(?<=\.)\s", line)[0]


def house_map() -> str:
    """Return the lines of the map."""
    return "".join(f"- `{path.relative_to(ROOT)}/`: {first_sentence(about(path))}\n" for path in packages())


def with_map(page: str) -> str:
    """Return the page with the map as it is now."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{house_map()}{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_map(PAGE.read_text()))
