from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.again import FEW, verdict


@pytest.mark.parametrize(("failed", "said"), [(0, "many"), (1, "few"), (FEW, "few"), (FEW + 1, "many")])
def test_a_few_tests_that_failed_are_run_once_more_and_many_are_not(tmp_path: Path, failed: int, said: str) -> None:
    noted = tmp_path / "v" / "cache" / "lastfailed"
    noted.parent.mkdir(parents=True)
    noted.write_text(json.dumps({f"t.py::test_{number}": True for number in range(failed)}))
    assert verdict(tmp_path) == said


def test_where_nothing_is_noted_nothing_is_run_again(tmp_path: Path) -> None:
    assert verdict(tmp_path) == "many"
