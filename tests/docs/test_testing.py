"""The code on the page about testing plugins runs, as the tests of somebody's project."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import connect.testing
from tests.support.inner_pytest import INNER_PYTEST

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "testing.md").read_text()


@pytest.mark.slow
def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "test_page.py").write_text("\n\n".join(blocks))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    environment = {**os.environ, **INNER_PYTEST}
    told = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert told.returncode == 0, told.stdout
    assert "6 passed" in told.stdout


def test_the_page_names_everything_that_is_public() -> None:
    named = set(re.findall(r"`(\w+)", PAGE))
    assert set(connect.testing.__all__) <= named
