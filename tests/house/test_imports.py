"""No two modules of the house import each other, by whatever way round.

import-linter checks that layers point down; it says nothing of two modules in one room. A circle there means that
neither can be read, tested or moved alone, and that the order in which a program happens to import them decides whether
it starts. An import within `if TYPE_CHECKING:` or within a function ties two modules just the same, and only hides it.
"""

import ast
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.support.statements import statements

HOUSE: Final = Path(__file__).parents[2]
ROOTS: Final = (
    HOUSE / "connect",
    *sorted(each for each in (HOUSE / "plugins").glob("connect_*") if each.is_dir()),
    HOUSE / "converters" / "connect_converters",
    HOUSE / "converters" / "connect_protofiles",
    HOUSE / "converters" / "connect_schemas",
    HOUSE / "transforms" / "connect_transforms",
)
#: The command answers `--help` without loading a worker: what these name in annotations, they load where they use it.
STARTS_LIGHT: Final = ("connect.app", "connect.cli")
MEND: Final = """these modules import each other in a circle:
{circles}
Move what both need into a module below both, or hand it in from above: a callable, or a Protocol of what is asked.
Imports within `if TYPE_CHECKING:` and within functions count like any other."""

#: module -> imported module -> line of the first import
Imports = Mapping[str, Mapping[str, int]]


def test_no_two_modules_import_each_other_by_any_way_round() -> None:
    imports = imports_between(modules_of(ROOTS))
    found = [shown(circle, imports) for circle in circles_in(imports)]
    assert not found, MEND.format(circles="\n\n".join(found))


def test_no_module_hides_an_import_of_ours_behind_type_checking() -> None:
    found = [each for each in hidden_imports(modules_of(ROOTS)) if not each.startswith(STARTS_LIGHT)]
    assert not found, "import these plainly, or not at all:\n" + "\n".join(found)


# -- the check, over made-up trees -----------------------------------------------------------------------------------


def test_a_circle_of_two_modules_is_found(tmp_path: Path) -> None:
    write(tmp_path, {"a": "import house.b", "b": "from house.a import x", "c": "import house.a"})
    assert circles_of(tmp_path) == [["house.a", "house.b"]]


def test_a_circle_is_found_whose_one_import_is_for_types_alone(tmp_path: Path) -> None:
    hidden = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house import a"
    write(tmp_path, {"a": "from house.b import B", "b": hidden})
    assert circles_of(tmp_path) == [["house.a", "house.b"]]


def test_a_circle_is_found_whose_one_import_is_within_a_function(tmp_path: Path) -> None:
    write(tmp_path, {"a": "import house.b", "b": "def late():\n    from house.a import x"})
    assert circles_of(tmp_path) == [["house.a", "house.b"]]


def test_a_circle_is_found_inside_a_package_and_by_imports_from_its_own_init(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"room/__init__": "from .a import x", "room/a": "from . import b", "room/b": "from house.room import x"},
    )
    assert circles_of(tmp_path) == [["house.room", "house.room.a", "house.room.b"]]


def test_a_package_that_gathers_its_modules_is_no_circle(tmp_path: Path) -> None:
    write(tmp_path, {"room/__init__": "from house.room.a import x", "room/a": "import house.room.b", "room/b": "x = 1"})
    assert circles_of(tmp_path) == []


def test_two_knots_are_two_circles(tmp_path: Path) -> None:
    write(
        tmp_path, {"a": "import house.b", "b": "import house.a, house.c", "c": "import house.d", "d": "import house.c"}
    )
    assert circles_of(tmp_path) == [["house.a", "house.b"], ["house.c", "house.d"]]


def test_a_circle_is_shown_with_the_line_of_each_import(tmp_path: Path) -> None:
    write(tmp_path, {"a": "import os\nimport house.b", "b": "import house.a"})
    imports = imports_between(modules_of((tmp_path / "house",)))
    [circle] = circles_in(imports)
    assert shown(circle, imports) == "  house.a, line 2, imports house.b\n  house.b, line 1, imports house.a"


def test_an_import_of_ours_for_types_alone_is_found_and_a_strangers_is_not(tmp_path: Path) -> None:
    text = "import typing\nif typing.TYPE_CHECKING:\n    import asyncpg\n    from house.b import B"
    write(tmp_path, {"a": text, "b": ""})
    assert hidden_imports(modules_of((tmp_path / "house",))) == ["house.a, line 4, imports house.b"]


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write the modules of a package `house`; names are paths in it, without their ending."""
    for name, text in {"__init__": "", **files}.items():
        path = folder / "house" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def circles_of(folder: Path) -> list[list[str]]:
    return circles_in(imports_between(modules_of((folder / "house",))))


# -- looking ---------------------------------------------------------------------------------------------------------


def modules_of(roots: tuple[Path, ...]) -> dict[str, Path]:
    """Each module under the packages `roots`, by its dotted name; a package's name stands for its `__init__`."""
    modules: dict[str, Path] = {}
    for root in roots:
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root.parent).with_suffix("").parts
            modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def imports_between(modules: Mapping[str, Path]) -> dict[str, dict[str, int]]:
    """What each module imports of the others, wherever the import stands in its text.

    `from a import name` is an edge to the module `a.name` where there is one, else to `a`. `import a.b` runs the
    `__init__` of `a` as well; that is no edge here, or no package could gather what its modules offer.
    """
    found: dict[str, dict[str, int]] = {name: {} for name in modules}
    for name, path in modules.items():
        for line, target in _imports_in(_tree(path), name, modules):
            if target != name:
                found[name].setdefault(target, line)
    return found


def hidden_imports(modules: Mapping[str, Path]) -> list[str]:
    """Imports of modules among these within `if TYPE_CHECKING:`, each as a sentence with its line."""
    return [
        f"{name}, line {line}, imports {target}"
        for name, path in modules.items()
        for block in statements(_tree(path))
        if isinstance(block, ast.If) and ast.unparse(block.test).rpartition(".")[2] == "TYPE_CHECKING"
        for line, target in _imports_in(block, name, modules)
    ]


def _tree(path: Path) -> ast.Module:
    # Not kept: what the garbage collector makes of all trees at once takes longer than to parse them again.
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports_in(tree: ast.AST, name: str, modules: Mapping[str, Path]) -> Iterator[tuple[int, str]]:
    """Lines and targets of a module's imports within a piece of its syntax tree."""
    package = name if modules[name].stem == "__init__" else name.rpartition(".")[0]
    for node in statements(tree):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            source = ".".join(part for part in (above, node.module) if part)
            named = [f"{source}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in named:
            while target and target not in modules:
                target = target.rpartition(".")[0]
            if target:
                yield node.lineno, target


def circles_in(imports: Imports) -> list[list[str]]:
    """A shortest circle through each knot of modules: of `[a, b, c]`, a imports b, b imports c, and c imports a."""
    circles: list[list[str]] = []
    for start in sorted(imports):
        if not any(start in circle for circle in circles) and (circle := _way_back(start, imports)):
            circles.append(circle)
    return circles


def _way_back(start: str, imports: Imports) -> list[str]:
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        module = waiting.popleft()
        for target in imports[module]:
            if target == start:
                way = [module]
                while way[0] != start:
                    way.insert(0, came_from[way[0]])
                return way
            if target not in came_from:
                came_from[target] = module
                waiting.append(target)
    return []


def shown(circle: list[str], imports: Imports) -> str:
    """A circle as a reader follows it: each import with its line."""
    steps = zip(circle, [*circle[1:], circle[0]], strict=True)
    return "\n".join(f"  {module}, line {imports[module][target]}, imports {target}" for module, target in steps)
