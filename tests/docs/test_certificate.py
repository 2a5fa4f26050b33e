"""The page of the certificate and the suites are one: each check has its paragraph, and each paragraph its check."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import connect.testing.suites as suites
from connect.testing.suites.base import PAGE
from tests.support.inner_pytest import INNER_PYTEST

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / PAGE).read_text()
HOWTO = (ROOT / "docs" / "howto" / "certify-a-plugin.md").read_text()
SUITES = [getattr(suites, name) for name in suites.__all__]


def checks(suite: type) -> set[str]:
    return {name.removeprefix("test_").replace("_", "-") for name in dir(suite) if name.startswith("test_")}


def test_each_check_has_its_paragraph_and_each_paragraph_its_check() -> None:
    told = re.findall(r"^### (.+)\n\n(\*Of .+)$", TEXT, re.MULTILINE)
    assert len(told) == len(dict(told)) == TEXT.count("\n### ")
    assert {name for name, _ in told} == set().union(*map(checks, SUITES))


def test_the_page_says_how_many_checks_each_suite_has() -> None:
    told = dict(re.findall(r"^\| `(\w+Suite)` \| (\d+) \|", TEXT, re.MULTILINE))
    assert told == {suite.__name__: str(len(checks(suite))) for suite in SUITES}
    assert all(int(count) >= 30 for count in told.values())


def test_each_check_says_what_it_asks_for() -> None:
    silent = [
        name for suite in SUITES for name in dir(suite) if name.startswith("test_") and not getattr(suite, name).__doc__
    ]
    assert silent == []


def test_the_page_names_what_an_author_may_say() -> None:
    said = set()
    for suite in SUITES:
        said |= {name for cls in suite.__mro__ for name in vars(cls).get("__annotations__", {})}
        said |= {name for cls in suite.__mro__[:-1] for name in vars(cls) if not name.startswith(("_", "test_"))}
    inner = {"plugin_class", "broken"}
    missing = [name for name in sorted(said - inner) if not re.search(rf"`{name}[`(]", TEXT)]
    assert missing == []


@pytest.mark.slow
def test_the_tests_of_the_howto_pass(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", HOWTO, re.DOTALL)
    (tmp_path / "test_page.py").write_text("\n\n".join(blocks))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not crash_", str(tmp_path)]
    environment = {**os.environ, **INNER_PYTEST}
    told = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert told.returncode == 0, told.stdout[-3000:]
    assert int(re.findall(r"(\d+) passed", told.stdout)[0]) > 100
