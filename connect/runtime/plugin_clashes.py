"""Modules of one name in two folders of `plugin.path`: an import finds that of the first folder alone, whoever asks.

So a plugin of a later folder that would get another one's part is refused, with both named; the later folder's part is,
too, since it would take the first one's place. Names are those that `import` takes: of a module or package in a folder,
and `folder.module` in one without an `__init__.py`. Those of Python itself and of what is installed go before all
folders, and are not looked at.
"""

from __future__ import annotations

import ast
import functools
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from connect.api import PluginError
from connect.runtime.plugin_sources import NoFolder, Source, is_installed

#: The modules of one folder of `plugin.path`, by the name that an import gives: which file it is.
_Names = Mapping[str, Path]


def without_clashes(found: Sequence[Source | NoFolder]) -> list[Source | NoFolder]:
    """Return sources of which those that would import another folder's part are refused. Reads files where two folders
    hold modules of one name, and only there.

    Args:
        found: In the order of the folders.
    """
    first: dict[str, Path] = {}
    told: list[Source | NoFolder] = []
    for sources in _by_folder(found).values():
        names = {name: path for source in sources for name, path in _names_of(source).items()}
        taken = {name: (path, first[name]) for name, path in names.items() if _is_anothers(name, path, first)}
        for name, path in names.items():
            first.setdefault(name, path)
        told += [_looked_at(source, names, taken) if taken else source for source in sources]
    return [*told, *(one for one in found if isinstance(one, NoFolder))]


def _is_anothers(name: str, path: Path, first: _Names) -> bool:
    other, top = first.get(name), name.partition(".")[0]
    if other is None or os.path.realpath(other) == os.path.realpath(path):
        return False
    return top not in sys.stdlib_module_names and not is_installed(top, path)


def _by_folder(found: Sequence[Source | NoFolder]) -> dict[str, list[Source]]:
    """Return sources by the folder that they lie in; '' for those that are in none, and for those of a process."""
    folders: dict[str, list[Source]] = {}
    for source in found:
        if isinstance(source, Source):
            is_here = not source.is_installed and not source.root.startswith("<")
            folders.setdefault(os.path.dirname(source.home) if is_here else "", []).append(source)  # noqa: PTH120
    return folders


def _names_of(source: Source) -> dict[str, Path]:
    if source.is_installed or source.root.startswith("<"):
        return {}
    home = Path(source.home)
    if home.suffix == ".py" and home.is_file():
        return {source.root: home}
    if (home / "__init__.py").is_file():
        return {source.root: home}
    parts = [(path, path.relative_to(home.parent)) for path in map(Path, source.files) if path.suffix == ".py"]
    return {".".join(below.with_suffix("").parts): path for path, below in parts}


def _looked_at(source: Source, names: _Names, taken: Mapping[str, tuple[Path, Path]]) -> Source:
    """Return a source of a folder of which some names are another folder's, refused where it is or imports one."""
    if source.load is None:
        return source
    if source.root in taken:
        own, other = taken[source.root]
        why = f"{own.name} has the name of {other}, which comes before it in plugin.path; rename one of them"
        # Under a root of its own, so that whatever becomes of it touches nothing of the other's.
        return replace(source, root=f"<{source.home}>", load=functools.partial(_refuse, why))
    if (name := _clash_of(source, names, taken)) is None:
        return source
    own, other = taken[name]
    why = (
        f"it imports {name}, for which it would get {other} in place of {own}: an import finds the module of the first "
        "folder of plugin.path that has one; rename one of them, have the plugin import its parts as a package does "
        f"(from .{name} import ...), or put a requirements.txt beside it, and its folder runs in a process of its own"
    )
    return replace(source, load=functools.partial(_refuse, why))


def _clash_of(source: Source, names: _Names, taken: Mapping[str, tuple[Path, Path]]) -> str | None:
    """Return which name of another folder a plugin imports, by itself or by parts of its folder; None for none."""
    seen: set[str] = set()
    todo = [*map(Path, source.files)]
    while todo:
        for name in _imports_of(todo.pop()):
            if name in taken:
                return name
            path = names.get(name)
            if path is not None and name not in seen:
                seen.add(name)
                todo += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return None


def _imports_of(path: Path) -> Iterator[str]:
    """Yield the names that a file may import, from the outermost package on; nothing of it is run."""
    if path.suffix != ".py":
        return
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):  # whoever imports it is told of that
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and _is_import(node.func) and node.args:
            given = node.args[0]
            names = [given.value] if isinstance(given, ast.Constant) and isinstance(given.value, str) else []
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _is_import(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)
    return name in ("import_module", "__import__")


def _refuse(why: str) -> NoReturn:
    raise PluginError(why)
