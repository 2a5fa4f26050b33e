"""Law 2: a bundled plugin imports what any plugin may, which is what the public modules list in `__all__`."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
BUNDLED = (
    "plugins/connect_datagen",
    "plugins/connect_file",
    "plugins/connect_postgres",
    "plugins/connect_providers",
    "converters/connect_converters",
    "converters/connect_schemas",
    "transforms/connect_transforms",
)
#: All that a plugin may import of ours; docs/reference/api-stability.md names them too.
PUBLIC = ("connect.api", "connect.api.columns", "connect.api.java", "connect.api.logical", "connect.api.values")


def strange_imports(source: str, *, also: Collection[str] = ()) -> Iterator[str]:
    """Yield each import of ours in a plugin's source that is no name in a public module's `__all__`.

    Args:
        also: Further modules whose `__all__` counts, for code that is no plugin.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "connect":
                    yield f"line {node.lineno}: import {alias.name}; take the names from connect.api"
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "connect":
            for alias in node.names:
                if not _is_public(node.module or "", alias.name, (*PUBLIC, *also)):
                    yield f"line {node.lineno}: {alias.name} is no public name of {node.module}"


def _is_public(module: str, name: str, public: Collection[str]) -> bool:
    if module not in public:
        return False
    return f"{module}.{name}" in public or name in importlib.import_module(module).__all__


@pytest.mark.parametrize("package", BUNDLED)
def test_a_bundled_plugin_imports_public_names_alone(package: str) -> None:
    files = sorted((HOUSE / package).rglob("*.py"))
    assert files, f"{package} has moved"
    strange = [f"{file.relative_to(HOUSE)}, {what}" for file in files for what in strange_imports(file.read_text())]
    assert not strange, "\n".join(strange)


@pytest.mark.parametrize(
    "source",
    [
        "from connect.api.java.text import java_text",
        "from connect.api.schema import Schema",
        "from connect.api import hookspec",
        "from connect.api import contract",
        "from connect.api import *",
        "from connect.runtime import herder",
        "from connect import api",
        "import connect.api",
        "def late():\n    from connect.api.values.parser import parse",
    ],
)
def test_an_import_of_what_is_not_public_is_found(source: str) -> None:
    assert list(strange_imports(source))


@pytest.mark.parametrize(
    "source",
    ["from connect.api import Schema, values", "from connect.api.java import java_text", "import connected, orjson"],
)
def test_an_import_of_a_public_name_is_fine(source: str) -> None:
    assert not list(strange_imports(source))


@pytest.mark.parametrize("module", PUBLIC)
def test_a_public_module_says_so_and_has_what_it_lists(module: str) -> None:
    found = importlib.import_module(module)
    assert (found.__doc__ or "").startswith("PUBLIC. ")
    assert [name for name in found.__all__ if not hasattr(found, name)] == []
