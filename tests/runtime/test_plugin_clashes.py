from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost
from connect.runtime.processes.settings import ProcessSettings

TRANSFORM = """
{imports}
from connect.api import Transform, hookimpl
class {cls}(Transform):
    word = {word}
    def late(self):
        import freshutil
        return freshutil.WORD
@hookimpl
def connect_transforms():
    return [{cls}]
"""
WAYS = {
    "import freshutil": "freshutil.WORD",
    "from freshutil import WORD": "WORD",
    "from importlib import import_module\nfreshutil = import_module('freshutil')": "freshutil.WORD",
    "import freshpart": "freshpart.WORD",  # which imports it
    "from freshlib.words import WORD": "WORD",  # of a folder that is no package
    "from freshlib import words": "words.WORD",
}


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Two folders of plugins, each with modules of its own of the same names."""
    found = (tmp_path / "one", tmp_path / "two")
    for folder in found:
        (folder / "freshlib").mkdir(parents=True)
        (folder / "freshutil.py").write_text(f"WORD = {folder.name!r}\n")
        (folder / "freshlib" / "words.py").write_text(f"WORD = {folder.name!r}\n")
    path = [*sys.path]
    yield found
    sys.path[:] = path
    for name in [name for name in sys.modules if name.startswith("fresh")]:
        del sys.modules[name]


def put(folder: Path, name: str, imports: str, word: str) -> None:
    (folder / f"{name}.py").write_text(TRANSFORM.format(imports=imports, cls=name.title(), word=word))


@pytest.mark.parametrize("imports", WAYS)
def test_a_plugin_that_would_import_the_part_of_another_folder_is_refused_by_name(
    folders: tuple[Path, Path], imports: str
) -> None:
    one, two = folders
    mine = imports if "freshpart" not in imports else "import freshutil"
    put(one, "fresha", mine, WAYS[mine])
    put(two, "freshb", imports, WAYS[imports])
    (two / "freshpart.py").write_text("from freshutil import WORD\n")
    host = PluginHost.discover(folders, tells=False)
    causes = {broken.name: broken.cause for broken in host.broken}
    found: Any = {desc.cls.__name__: desc.cls for desc in host.list() if desc.origin.startswith(str(one.parent))}
    assert (found["Fresha"].word, found["Fresha"]().late()) == ("one", "one")
    assert set(found) == {"Fresha"}
    held = "freshlib/words.py" if "freshlib" in imports else "freshutil.py"
    assert f"{one / held}" in causes["freshb"]
    assert f"{two / held}" in causes["freshb"]
    assert f"has the name of {one / 'freshutil.py'}" in causes["freshutil"]


def test_parts_of_one_name_that_nobody_imports_by_it_keep_no_plugin_out(folders: tuple[Path, Path]) -> None:
    one, two = folders
    for folder, name in ((one, "freshd"), (two, "freshe")):
        package = folder / name
        package.mkdir()
        (package / "freshutil.py").write_text(f"WORD = {folder.name!r}\n")
        text = TRANSFORM.format(imports="from .freshutil import WORD", cls=name.title(), word="WORD")
        (package / "__init__.py").write_text(text.replace("import freshutil", "from . import freshutil"))
    (two / "queue.py").write_text("")  # Python's own are meant, wherever these lie
    (one / "queue.py").write_text("")
    text = TRANSFORM.format(imports="import queue\nqueue.Queue", cls="Freshf", word="'f'")
    (two / "freshf.py").write_text(text.replace("import freshutil", "pass").replace("freshutil.WORD", "'f'"))
    host = PluginHost.discover(folders, tells=False)
    found: Any = {desc.cls.__name__: desc.cls for desc in host.list() if desc.origin.startswith(str(one.parent))}
    assert {name: cls().late() for name, cls in found.items()} == {"Freshd": "one", "Freshe": "two", "Freshf": "f"}


def test_a_plugin_that_was_refused_for_anothers_part_is_taken_once_that_is_gone(folders: tuple[Path, Path]) -> None:
    one, two = folders
    put(two, "freshg", "import freshutil", "freshutil.WORD")
    host = PluginHost.discover(folders, tells=False)
    assert host.find("Freshg", PluginKind.TRANSFORM) is None
    (one / "freshutil.py").unlink()
    assert "freshg" in host.refresh(retry=False).added
    found: Any = host.any("Freshg").cls
    assert (found.word, found().late()) == ("two", "two")
    # It comes back: what runs goes on, with its own.
    (one / "freshutil.py").write_text("WORD = 'one'\n")
    told = {broken.name: broken.cause for broken in host.refresh().broken}
    assert "what was loaded before goes on" in told["freshg"]
    assert host.any("Freshg").cls is found


def test_two_folders_with_requirements_and_a_part_of_one_name_have_each_their_own(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    for folder, name in zip(folders, ("freshh", "freshi"), strict=True):
        (folder / "requirements.txt").touch()
        text = TRANSFORM.format(imports="import freshutil", cls=name.title(), word="freshutil.WORD")
        (folder / f"{name}.py").write_text(text.replace("word =", "class_name ="))
    host = PluginHost.discover(folders, tells=False, processes=ProcessSettings(environments=str(tmp_path / "envs")))
    assert not host.broken
    assert {desc.name for desc in host.list(PluginKind.TRANSFORM)} >= {"one", "two"}
