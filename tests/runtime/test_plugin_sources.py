from __future__ import annotations

import itertools
import sys
import threading
import time
from pathlib import Path

import pytest

from connect.runtime.plugin_sources import NoFolder, Paths, Source, Swap, _below, files_of, folders_of, outdated, scan


def of(folder: Path) -> dict[str, Source]:
    return {s.name: s for s in scan([folder]) if isinstance(s, Source) and not s.is_installed}


def make_distribution(folder: Path, name: str, version: str, entry: str) -> None:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[connect]\n{entry}\n")


def test_a_folder_has_modules_packages_and_parts_of_them_and_no_hidden_ones(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("")
    (tmp_path / "_part.py").write_text("")
    (tmp_path / ".hidden.py").write_text("")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "__init__.py").write_text("")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "table.csv").write_text("a")
    found = of(tmp_path)
    assert {name: source.load is not None for name, source in found.items()} == {
        "_part": False,
        "data": False,
        "one": True,
        "two": True,
    }
    assert list(found["data"].files) == [str(tmp_path / "data" / "table.csv")]
    assert scan([tmp_path / "none"])[-1] == NoFolder(tmp_path / "none")


def test_a_packages_files_are_without_what_is_compiled_or_an_environment(tmp_path: Path) -> None:
    for name in ("a.py", "sub/b.py", "__pycache__/a.pyc", ".git/c.py", "venv/lib/d.py", "venv/pyvenv.cfg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert [Path(path).name for path in files_of(tmp_path)] == ["a.py", "b.py"]
    assert folders_of(tmp_path) == [tmp_path, tmp_path / "sub"]


def test_bundled_plugins_are_known_as_such_and_have_no_files_that_change() -> None:
    bundled = [s for s in scan([]) if isinstance(s, Source) and s.is_bundled]
    assert {"file", "transforms"} <= {s.name for s in bundled}
    assert all(s.files == {} for s in bundled)


def test_an_installed_plugins_files_are_those_of_its_package_behind_a_namespace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "corpspace" / "lite" / "deep").mkdir(parents=True)
    for name in ("lite/__init__.py", "lite/deep/__init__.py"):
        (tmp_path / "corpspace" / name).write_text("")
    make_distribution(tmp_path, "corp-lite", "0.3.0", "corplite = corpspace.lite.deep:plugin")
    monkeypatch.syspath_prepend(str(tmp_path))
    (found,) = [s for s in scan([]) if isinstance(s, Source) and s.name == "corplite"]
    assert (found.root, found.origin, len(found.files)) == ("corpspace.lite", "corp-lite 0.3.0", 2)
    assert "corpspace.lite" not in sys.modules


def test_what_imports_something_that_has_changed_is_outdated_with_it(tmp_path: Path) -> None:
    (tmp_path / "_base.py").write_text("X = 1\n")
    (tmp_path / "middle.py").write_text("def later():\n    from _base import X\n    return X\n")
    (tmp_path / "top.py").write_text("import os, middle\n")
    (tmp_path / "other.py").write_text("_basement = 'imported from nowhere'\n")
    before = scan([tmp_path])
    known = [s for s in before if isinstance(s, Source)]
    assert outdated(known, known) == set()
    (tmp_path / "_base.py").write_text("X = 22\n")
    now = [s for s in scan([tmp_path]) if isinstance(s, Source)]
    assert outdated(known, now) == {"_base", "middle", "top"}
    (tmp_path / "middle.py").unlink()
    gone = [s for s in scan([tmp_path]) if isinstance(s, Source)]
    assert outdated(now, gone) == {"middle", "top"}


def test_modules_that_are_swapped_out_come_back_whole_where_the_new_ones_fail(tmp_path: Path) -> None:
    (tmp_path / "swapme").mkdir()
    (tmp_path / "swapme" / "__init__.py").write_text("")
    source = of(tmp_path)["swapme"]
    assert source.load is not None
    first = source.load()
    sys.modules["swapme.part"] = part = type(sys)("swapme.part")
    with Swap({"swapme"}, ()) as swap:
        assert "swapme.part" not in sys.modules
        second = source.load()
        assert second is not first
        assert sys.modules["swapme"] is second
        swap.give_back("swapme")
    assert (sys.modules["swapme"], sys.modules["swapme.part"]) == (first, part)
    with Swap({"swapme"}, ()):
        pass  # it is gone from the disk: what runs of it may still import its parts
    assert sys.modules["swapme.part"] is part


def test_modules_of_others_are_not_swapped_out() -> None:
    with Swap({"json"}, ()) as swap:
        assert "json" in sys.modules
        swap.give_back("json")
    assert "json.decoder" in sys.modules


def test_a_pth_file_that_comes_later_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site_packages, source = tmp_path / "site", tmp_path / "src"
    site_packages.mkdir()
    source.mkdir()
    monkeypatch.setattr("site.getsitepackages", lambda: [str(site_packages)])
    monkeypatch.setattr(sys, "path", [*sys.path, str(site_packages)])
    paths = Paths()
    (site_packages / "mine.pth").write_text(f"{source}\n")
    paths.read()
    assert str(source) in sys.path


def test_a_line_that_holds_megabytes_of_words_is_gone_through_at_once_and_imports_by_name_count(tmp_path: Path) -> None:
    (tmp_path / "_base.py").write_text("X = 1\n")
    (tmp_path / "data.py").write_text("T = '" + "rows from here and import there " * 50_000 + "'\n")
    (tmp_path / "named.py").write_text("import importlib\nX = importlib.import_module('_base').X\n")
    before = [s for s in scan([tmp_path]) if isinstance(s, Source)]
    (tmp_path / "_base.py").write_text("X = 22\n")
    now = [s for s in scan([tmp_path]) if isinstance(s, Source)]
    since = time.monotonic()
    assert outdated(before, now) == {"_base", "named"}
    assert time.monotonic() - since < 5.0


@pytest.mark.slow
def test_modules_that_come_and_go_on_other_threads_do_not_disturb_a_swap() -> None:
    stopped = threading.Event()

    def churn() -> None:
        for number in itertools.count():
            if stopped.is_set():
                return
            sys.modules[f"churned{number % 3000}"] = sys
            sys.modules.pop(f"churned{(number + 1500) % 3000}", None)

    threads = [threading.Thread(target=churn) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for _ in range(300):
            assert _below("json")
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
        for name in [name for name in sys.modules if name.startswith("churned")]:
            del sys.modules[name]


def test_modules_that_were_swapped_out_are_put_back_where_the_look_itself_fails(tmp_path: Path) -> None:
    (tmp_path / "swapyou.py").write_text("")
    source = of(tmp_path)["swapyou"]
    assert source.load is not None
    first = source.load()
    swap = Swap({"swapyou"}, [source]).__enter__()
    assert source.load() is not first
    swap.__exit__(OSError)
    assert sys.modules.pop("swapyou") is first
