"""The page about the architecture names what is there: every folder once, and no file or function that is not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.docs.house_map import BEGIN, END, HOUSES, PAGE, ROOT, about, first_sentence, packages, with_map

TEXT = PAGE.read_text()
MAP = TEXT.split(BEGIN)[1].split(END)[0]
#: `path.py:name` or `path/`, of the folders that hold our code.
NAMED = sorted(set(re.findall(rf"`((?:{'|'.join(HOUSES)})/[\w/.]*)(?::(\w+))?`", TEXT)))


def test_every_package_is_on_the_map_once_with_the_first_sentence_of_its_docstring() -> None:
    told = re.findall(r"^- `(.+)/`: (.+)$", MAP, re.MULTILINE)
    expected = [(str(path.relative_to(ROOT)), first_sentence(about(path))) for path in packages()]
    assert told == expected, "run: python -m tests.docs.house_map"


def test_nothing_but_the_map_stands_between_its_marks() -> None:
    assert with_map(TEXT) == TEXT, "run: python -m tests.docs.house_map"


@pytest.mark.parametrize("path", packages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_says_what_it_is_for(path: Path) -> None:
    assert re.fullmatch(r"[^\n]{20,120}\.", first_sentence(about(path)))


@pytest.mark.parametrize(
    "path",
    [path for path in packages() if "api" not in path.relative_to(ROOT).parts],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_package_says_what_belongs_elsewhere(path: Path) -> None:
    assert "\nElsewhere: " in about(path)


def test_modules_and_packages_that_docstrings_of_packages_name_are_there() -> None:
    for package in packages():
        for name in re.findall(r"`(connect(?:_\w+)?(?:\.\w+)+)`", about(package)):
            assert _exists(name), f"{package}: {name}"


def _exists(name: str) -> bool:
    """Say whether a dotted name is a module, a package, or something in a module; `connect.kafka` is to come."""
    if name == "connect.kafka":
        return True
    house = next(
        folder
        for folder in ("", "plugins", "converters", "transforms")
        if (ROOT / folder / name.split(".")[0]).is_dir()
    )
    path = ROOT / house / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file() or _holds(path.parent.with_suffix(".py"), path.name)


def _holds(path: Path, name: str) -> bool:
    tree = ast.parse(path.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(node, kinds) and node.name == name for node in ast.walk(tree))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_what_the_page_names_is_there(path: str, name: str) -> None:
    assert (ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).is_file(), "it was moved: correct the page"
    if name:
        assert _holds(ROOT / path, name), "it was renamed or moved: correct the page"


@pytest.mark.parametrize(
    "words",
    [
        "batch get bisected", "segment rolled", "`InsertField`", "REST bodies", "murmur2 partitioner",
        "decides a restart", "compression codec", "port over another broker", "new face",
    ],
)  # fmt: skip
def test_a_newcomers_question_is_answered_with_a_place(words: str) -> None:
    (row,) = [line for line in TEXT.splitlines() if line.startswith("| W") and words in line.split("|")[1]]
    assert re.search(rf"`(?:{'|'.join(HOUSES)})/", row.split("|")[2])


@pytest.mark.parametrize(
    "module",
    [
        path
        for house in ("transforms", "converters")
        for path in sorted((ROOT / house).rglob("*.py"))
        if path.name != "__init__.py"
        and path.stem != "dates"  # Java's dates are tested with what reads and writes them
    ],
    ids=lambda path: path.stem,
)
def test_a_module_of_transforms_and_converters_has_its_mirror(module: Path) -> None:
    house, package, *parts = module.relative_to(ROOT).parts
    house = {"connect_schemas": "schemas", "connect_protofiles": "protofiles"}.get(package, house)
    assert ROOT.joinpath("tests", house, *parts[:-1], f"test_{parts[-1]}").is_file()
