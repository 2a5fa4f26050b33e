from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.night import quarter

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

@pytest.mark.slow
@pytest.mark.parametrize("case", [1, 2, 3])
def test_slow(case): pass

@pytest.mark.slow
@pytest.mark.parametrize("engine", ["log", "kafka"])
@pytest.mark.parametrize("case", [1, 2])
def test_on_each(engine, case): pass

@pytest.mark.slow
def test_of_quarter_a(): pass

@pytest.mark.slow
def test_of_quarter_b(): pass

@pytest.mark.night
def test_long(): pass

@pytest.mark.parametrize("case", [1, 2, 3])
def test_quick(case): pass

class Suite:
    @pytest.mark.slow
    def test_inherited(self): pass

class TestOne(Suite): pass
class TestOther(Suite): pass
"""
CONFTEST = """
from tests.support.night import leave_to_the_night

def pytest_collection_modifyitems(items):
    leave_to_the_night(items)
"""
_LENGTHS = ("CONNECT_LONG", "CONNECT_CASES", "CONNECT_QUARTER")
INI = "[pytest]\nmarkers = slow\n    night\n"


def outcome(folder: Path, **environment: str) -> dict[str, str]:
    """Run the tests above, and return what became of each."""
    for name, text in {"test_it.py": TESTS, "conftest.py": CONFTEST, "pytest.ini": INI}.items():
        (folder / name).write_text(text)
    own = {key: value for key, value in os.environ.items() if key not in _LENGTHS}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-v",
            "--disable-plugin-autoload",
            "-p",
            "no:cacheprovider",
            "-ra",
            str(folder),
        ],
        cwd=folder,
        env={**own, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (line.split() for line in done.stdout.splitlines() if line.startswith("test_it.py::"))
    return {words[0].partition("::")[2]: words[1] for words in lines} | {"": done.stdout}


SLOW = {
    "TestOne::test_inherited",
    "test_of_quarter_a",
    "test_of_quarter_b",
    "test_on_each[1-kafka]",
    "test_on_each[1-log]",
    "test_slow[1]",
}
QUICK = {"test_quick[1]", "test_quick[2]", "test_quick[3]"}


def passed(found: dict[str, str]) -> set[str]:
    return {name for name, what in found.items() if what == "PASSED"}


def test_four_days_see_one_case_of_each_slow_test_on_each_engine_and_the_reason_of_the_others_is_told(
    tmp_path: Path,
) -> None:
    days = [outcome(tmp_path, CONNECT_QUARTER=str(quarter)) for quarter in (1, 2, 3, 4)]
    slow = [passed(found) - QUICK for found in days]
    assert sorted(name for each in slow for name in each) == sorted(SLOW)
    assert all(passed(found) >= QUICK for found in days)
    told = "\n".join(found.pop("") for found in days)
    assert {what for found in days for what in found.values()} == {"PASSED", "SKIPPED"}
    assert "one case of a slow test is run; make test-long runs them all" in told
    assert "takes long; make test-long runs it" in told
    assert "not of this day's quarter: CONNECT_QUARTER=" in told


def test_a_quarter_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECT_QUARTER", "5")
    with pytest.raises(pytest.UsageError, match="CONNECT_QUARTER is 1 to 4, not '5'"):
        quarter()


def test_the_next_day_has_the_next_quarter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONNECT_QUARTER", raising=False)
    now = [1.7e9]
    monkeypatch.setattr("tests.support.night.time.time", lambda: now[0])
    found = []
    for _ in range(5):
        found.append(quarter())
        now[0] += 86_400
    assert sorted(found[:4]) == [1, 2, 3, 4] and found[4] == found[0]


@pytest.mark.parametrize("environment", [{"CONNECT_LONG": "1"}, {"CONNECT_CASES": "all"}])
def test_in_the_night_all_are_run(tmp_path: Path, environment: dict[str, str]) -> None:
    found = outcome(tmp_path, **environment)
    del found[""]
    assert set(found.values()) == {"PASSED"}
    assert len(found) == 15
