"""Every module has its mirror file: tests/log/storage/test_segment.py tests connect/log/storage/segment.py.

`without_mirror.txt` lists the modules that have none yet. It only shrinks: a module that comes has its tests with it,
and a line whose module has its file, or is gone, is taken out.
"""

from __future__ import annotations

from pathlib import Path

HOUSE = Path(__file__).parents[2]
LIST = Path(__file__).with_name("without_mirror.txt")
#: Where the mirror of each folder of modules stands.
MIRRORS = {
    "connect": "tests",
    "plugins": "tests/plugins",
    "converters/connect_converters": "tests/converters",
    "converters/connect_protofiles": "tests/protofiles",
    "converters/connect_schemas": "tests/schemas",
    "transforms/connect_transforms": "tests/transforms",
}
#: They hold no code of their own, or one line that starts what is tested elsewhere.
NO_MODULES = {"__init__.py", "__main__.py"}


def mirrors(house: Path) -> dict[str, Path]:
    """Return where the tests of each module are looked for, by the module's path."""
    return {
        str(module.relative_to(house)): house / target / module.relative_to(house / source).with_name(_test(module))
        for source, target in MIRRORS.items()
        for module in sorted((house / source).rglob("*.py"))
        if module.name not in NO_MODULES
    }


def _test(module: Path) -> str:
    return f"test_{module.name.lstrip('_')}"


def without_mirror(house: Path) -> set[str]:
    return {module for module, mirror in mirrors(house).items() if not mirror.exists()}


def listed() -> list[str]:
    return [line for line in LIST.read_text().splitlines() if line and not line.startswith("#")]


def test_a_module_has_a_test_file_of_its_name() -> None:
    new = without_mirror(HOUSE) - set(listed())
    wanted = [
        f"{module}: write {mirror.relative_to(HOUSE)}" for module, mirror in mirrors(HOUSE).items() if module in new
    ]
    assert wanted == [], "tests mirror the tree, so that a reader guesses where they are"


def test_the_list_of_those_without_one_only_shrinks() -> None:
    assert listed() == sorted(set(listed()))
    assert set(listed()) - without_mirror(HOUSE) == set(), f"take these lines out of {LIST.relative_to(HOUSE)}"


def test_a_module_without_tests_is_seen(tmp_path: Path) -> None:
    for path in (
        "connect/log/segment.py",
        "connect/log/index.py",
        "connect/log/__init__.py",
        "tests/log/test_index.py",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert without_mirror(tmp_path) == {"connect/log/segment.py"}
