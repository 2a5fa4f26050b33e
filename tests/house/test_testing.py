"""The page about testing, and the tests themselves: lengths that are listed, and tests that assert something."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.busy import slowness
from tests.support.lengths import LENGTHS, examples, length
from tests.support.statements import statements

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "testing.md").read_text()
#: These check that nothing is raised; what is raised otherwise is checked right beside them.
RAISE_NOTHING = {
    "test_source_coordinates_are_what_json_holds",
    "test_a_name_of_kafka_s_letters_is_one",
    "test_a_value_that_fits_is_taken",
    "test_every_block_of_the_howto_is_python",
    "test_memory_can_be_given_back_at_any_time",
    "test_connectors_do_not_wait_for_each_other",
    "test_a_cancelled_wait_leaves_the_lock_to_the_next",
    "test_a_transform_that_ends_its_thread_as_it_is_closed_leaves_none",
}
#: What predicates answer by, and no test.
METHODS_OF_PLUGINS = {"test", "test_batch"}
#: Calls that fail a test where what they wait or look for is not there.
CHECKS = {"raises", "warns", "fail"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_the_page_lists_every_length() -> None:
    told = re.findall(r"^\| `(CONNECT_\w+)` \| (\d+) \| (\d+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert told == [(name, str(one.short), str(one.long), one.what) for name, one in LENGTHS.items()]


def test_the_page_names_every_file_with_tests_for_the_night_alone() -> None:
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if path.name != "test_night.py"]
    of_the_night = {str(path.relative_to(ROOT)) for path in files if re.search(r"mark\.night\b", path.read_text())}
    told = set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE.partition("### What only the night has")[2]))
    assert of_the_night - told == set(), "say which story it tells once more, and what tells it in `make test`"


def test_a_length_is_short_long_or_what_its_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    known = LENGTHS["CONNECT_KILLS"]
    monkeypatch.delenv("CONNECT_KILLS", raising=False)
    for is_long, expected in ((False, known.short), (True, known.long)):
        monkeypatch.setattr("tests.support.lengths.IS_LONG", is_long)
        assert length("CONNECT_KILLS") == expected
    monkeypatch.setenv("CONNECT_KILLS", "3")
    assert length("CONNECT_KILLS") == 3


def test_a_property_has_some_examples_however_few_are_wished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECT_EXAMPLES_PERCENT", "10")
    assert (examples(), examples(20)) == (10, 5)


def test_processes_of_tests_load_the_plugins_that_are_named_alone_and_keep_byte_code(
    pytestconfig: pytest.Config,
) -> None:
    assert pytestconfig.pluginmanager.list_plugin_distinfo() == [], "each costs all processes its imports"
    assert not sys.dont_write_bytecode
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ


@pytest.mark.parametrize(("load", "more"), [(0.0, 1.0), (2.0, 1.0), (4.0, 1.0), (5.0, 1.25), (40.0, 10.0)])
def test_a_promise_has_more_time_only_by_the_work_that_no_core_is_left_for(load: float, more: float) -> None:
    assert slowness(load, cores=4) == more


def test_the_machine_as_it_is_is_asked_where_no_load_is_named() -> None:
    assert slowness() >= 1
    assert slowness(cores=1) >= slowness(cores=1000) == 1


def functions() -> Iterator[tuple[Path, Function]]:
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in statements(ast.parse(path.read_text())):
            if isinstance(node, Function):
                yield path.relative_to(ROOT), node


def calls(function: Function) -> set[str] | None:
    """Return the names of what a function calls; None where it asserts something itself."""
    if any(isinstance(node, ast.Assert | ast.Raise) for node in statements(function)):
        return None
    return {called(node) for node in ast.walk(function) if isinstance(node, ast.Call)}


def asserts(called_names: set[str] | None, helpers: set[str]) -> bool:
    """Say whether a function asserts something, or calls what does."""
    return called_names is None or not called_names.isdisjoint(helpers)


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_every_test_asserts_something() -> None:
    helpers, known = set(CHECKS), [(path, one.name, calls(one)) for path, one in functions()]
    for _ in range(3):  # what asserts, what calls it, and what calls that
        helpers |= {name for _, name, names in known if not name.startswith("test_") and asserts(names, helpers)}
    silent = {
        f"{path}: {name}"
        for path, name, names in known
        if name.startswith("test_") and name not in METHODS_OF_PLUGINS and not asserts(names, helpers)
    }
    left = {each for each in silent if each.partition(": ")[2] not in RAISE_NOTHING}
    assert left == set(), "a test that asserts nothing cannot fail for what it is named after"


def test_a_test_without_an_assertion_is_seen() -> None:
    (silent,) = ast.parse("def test_x():\n    look()").body
    assert isinstance(silent, ast.FunctionDef)
    assert not asserts(calls(silent), CHECKS)
    assert asserts(calls(silent), {"look"})
