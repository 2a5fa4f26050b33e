from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
INI = "[pytest]\nmarkers = slow\n    night\n"


def outcome(folder: Path, **environment: str) -> dict[str, str]:
    """Run the tests above, and return what became of each."""
    for name, text in {"test_it.py": TESTS, "conftest.py": CONFTEST, "pytest.ini": INI}.items():
        (folder / name).write_text(text)
    own = {key: value for key, value in os.environ.items() if key not in ("CONNECT_LONG", "CONNECT_CASES")}
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


def test_of_a_slow_test_one_case_is_run_on_each_engine_and_the_reason_of_the_others_is_told(tmp_path: Path) -> None:
    found = outcome(tmp_path)
    told = found.pop("")
    assert sorted(name for name, what in found.items() if what == "PASSED") == [
        "TestOne::test_inherited",
        "test_on_each[1-kafka]",
        "test_on_each[1-log]",
        "test_quick[1]",
        "test_quick[2]",
        "test_quick[3]",
        "test_slow[1]",
    ]
    assert set(found.values()) == {"PASSED", "SKIPPED"}
    assert "one case of a slow test is run; make test-long runs them all" in told
    assert "takes long; make test-long runs it" in told


@pytest.mark.parametrize("environment", [{"CONNECT_LONG": "1"}, {"CONNECT_CASES": "all"}])
def test_in_the_night_all_are_run(tmp_path: Path, environment: dict[str, str]) -> None:
    found = outcome(tmp_path, **environment)
    del found[""]
    assert set(found.values()) == {"PASSED"}
    assert len(found) == 13
