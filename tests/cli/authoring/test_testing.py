from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import ConfigError, Predicate
from connect.cli.authoring import testing
from connect.cli.authoring.testing import NO_TESTS, run_certificate, run_tests
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc, PluginHost
from connect.testing import suites
from tests.support.inner_pytest import INNER_PYTEST

SOURCE = '''
from connect.api import resume, source
@source
def certme(topic: str, count: int = 100):
    """Counts.

    Args:
        topic: Where to.
        count: How many.
    """
    for n in range(resume(0), count):
        yield n, n + 1
'''


@pytest.fixture(autouse=True)
def _inner_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in INNER_PYTEST.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(("test", "code"), [("assert True", 0), ("assert False", 1)])
def test_the_tests_of_a_folder_run_with_its_own_settings(tmp_path: Path, test: str, code: int) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\npython_files = mine_*.py\n")
    (tmp_path / "mine_one.py").write_text(f"def test_it(): {test}\n")
    assert run_tests(tmp_path, ["-p", "no:cacheprovider"]) == code


def test_a_folder_without_tests_is_told_from_one_whose_tests_fail(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    assert run_tests(tmp_path, ["-p", "no:cacheprovider"]) == NO_TESTS


@pytest.mark.slow
def test_a_class_without_tests_gets_its_certificate(tmp_path: Path) -> None:
    (tmp_path / "certme.py").write_text(SOURCE)
    desc = PluginHost.discover([tmp_path], tells=False).any("certme")
    only = ["-q", "-k", "test_config or test_life_starts"]
    assert run_certificate(desc, {"topic": "t"}, [tmp_path], only) == 0
    assert run_certificate(desc, {"topic": "t", "count": "many"}, [tmp_path], only) == 1


def test_what_no_suite_is_for_is_refused_and_so_are_tests_without_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    class Even(Predicate):
        """Of every other."""

    with pytest.raises(ConfigError, match="no certificate for a predicate; there is for source, sink,") as raised:
        run_certificate(PluginDesc(Even, PluginKind.PREDICATE, "x"), {}, [], [])
    assert raised.value.code == "plugin.not_testable"
    monkeypatch.setattr(testing.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pytest is not installed"):
        run_tests(Path())


def test_a_suite_for_each_kind_is_there() -> None:
    assert {suite for suite, _ in testing._SUITES.values()} <= set(suites.__all__)
    for suite, attribute in testing._SUITES.values():
        assert attribute in getattr(suites, suite).__annotations__
