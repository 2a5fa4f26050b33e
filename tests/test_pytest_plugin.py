from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

TESTS = '''
from connect.api import resume, sink, source, transform

SEEN = []

@source(interval_s=60)
def ticks(topic: str):
    """Count up."""
    n = resume(0)
    return n, n + 1

@sink
def collect(records):
    """Collect."""
    SEEN.extend(record.value for record in records)

@transform
def same(record):
    """Change nothing."""
    return record

def test_a_source(connect_clock, connect_source):
    harness = connect_source(ticks, {"topic": "t"})
    assert [record.value for record in harness.records(1)] == [0]
    connect_clock.advance(60)
    assert [record.value for record in harness.records(1)] == [1]

def test_a_sink(connect_sink):
    connect_sink(collect, {}).put(1, 2)
    assert SEEN == [1, 2]

def test_a_transform(connect_transformed):
    assert [record.value for record in connect_transformed(same, {}, 1)] == [1]

def test_a_worker(connect_worker):
    worker = connect_worker(plugins=[ticks])
    worker.run("ticks", {"connector.class": "ticks", "topic": "t"})
    assert worker.wait_for("t", 1) == [0]
'''


@pytest.mark.slow
def test_a_project_of_somebody_elses_has_the_fixtures_without_an_import(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TESTS)
    # Others that are installed are not loaded: each takes longer than these tests.
    others = [found.name for found in entry_points(group="pytest11") if found.name != "connect"]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *(f"-pno:{name}" for name in others),
        "-W",
        "error",
        str(tmp_path),
    ]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "4 passed" in told.stdout


def test_the_entry_point_costs_no_import_of_anything_else() -> None:
    code = "import sys, connect.pytest_plugin; print(*(n for n in sys.modules if n.startswith('connect.')))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.split() == ["connect.pytest_plugin"]
