"""The processes that the tests run in, asked by a run of a few tests in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = """
import os
import signal
import warnings

import pytest


@pytest.fixture(scope="session")
def own(tmp_path_factory):
    name = os.environ["PYTEST_XDIST_WORKER"]
    assert tmp_path_factory.getbasetemp().name == name
    with open("said", "a") as said:
        said.write(f"made {name}\\n")
    yield name
    with open("said", "a") as said:
        said.write(f"gone {name}\\n")


@pytest.mark.parametrize("number", range(30))
def test_each(number, own):
    with open("said", "a") as said:
        said.write(f"ran {number}\\n")


def test_fails():
    print("said", "aloud")
    assert 1 == 2, "one is not two"


def test_ends():
    os._exit(3)


def test_is_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def test_warns():
    warnings.warn("mind the gap", DeprecationWarning)


@pytest.mark.skip("not today")
def test_is_left_out():
    pass
"""


def run(folder: Path, *more: str) -> str:
    (folder / "test_some.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "tests.processes", "--processes", "3", "--rootdir", str(folder)]
    environment = {"PATH": "", "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "TMPDIR": str(folder)}
    ran = subprocess.run(
        [*command, "-ra", *more], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    return ran.stdout


def test_every_test_is_run_once_and_told_of_whatever_becomes_of_its_process(tmp_path: Path) -> None:
    told = run(tmp_path)
    assert "collected 35 items" in told
    assert "3 failed, 31 passed, 1 skipped, 1 warning in" in told
    assert "the process of this test ended: with exit code 3" in told
    assert "the process of this test ended: by SIGKILL" in told
    assert "AssertionError: one is not two" in told and "said aloud" in told
    assert "DeprecationWarning: mind the gap" in told
    assert "not today" in told
    said = (tmp_path / "said").read_text().splitlines()
    assert sorted(int(line.split()[1]) for line in said if line.startswith("ran")) == list(range(30))
    made = {line.split()[1] for line in said if line.startswith("made")}
    gone = {line.split()[1] for line in said if line.startswith("gone")}
    assert len(made) >= 3
    # That of a process that was ended by a test has no end.
    assert gone <= made and len(made - gone) <= 2
    noted = json.loads((tmp_path / ".pytest_cache" / "v" / "cache" / "lastfailed").read_text())
    assert {name.partition("::")[2] for name in noted} == {"test_fails", "test_ends", "test_is_killed"}


def test_a_run_that_is_to_end_at_its_first_failure_does_so_and_what_was_made_for_several_tests_ends_with_it(
    tmp_path: Path,
) -> None:
    told = run(tmp_path, "-x", "--deselect", "test_some.py::test_ends", "--deselect", "test_some.py::test_is_killed")
    assert "stopping after 1 failures" in told
    said = (tmp_path / "said").read_text().splitlines()
    assert [line.split()[1] for line in said if line.startswith("made")], "a process has run a test"
    assert {f"gone {line.split()[1]}" for line in said if line.startswith("made")} <= set(said)
