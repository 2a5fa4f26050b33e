"""The how-to's own tests run as they stand, and pass."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import connect.testing.crash as kit
from connect.testing.crash.faults import CALLS

DOCS = Path(__file__).parents[2] / "docs"
HOWTO = (DOCS / "howto" / "prove-that-a-connector-loses-nothing.md").read_text()
REFERENCE = (DOCS / "reference" / "crash-kit.md").read_text()
PLUGIN, SINK, SOURCE = re.findall(r"```python\n(.*?)```", HOWTO, re.DOTALL)


def run(code: str, test: str, folder: Path) -> None:
    names: dict[str, Any] = {}
    exec(compile(code, "howto", "exec"), names)
    function: Callable[[Path], None] = names[test]
    function(folder)


@pytest.mark.night
@pytest.mark.slow
def test_the_sinks_test_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    (work / "my_plugins").mkdir(parents=True)
    (work / "my_plugins" / "howto_collect_surely.py").write_text(PLUGIN)
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(work)
    run(SINK, "test_collect_loses_nothing", tmp_path / "run")
    assert re.match(r"(at least|exactly) once: \d+ written, \d+ found, 0 lost", capsys.readouterr().out)


@pytest.mark.slow
def test_the_sources_test_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(SOURCE, "test_the_source_loses_nothing", tmp_path)
    assert re.match(r"(at least|exactly) once: \d+ written, \d+ found, 0 lost", capsys.readouterr().out)


def test_the_reference_names_every_public_name_and_call() -> None:
    missing = [name for name in kit.__all__ if name not in REFERENCE and name not in HOWTO]
    assert [name for name in missing if name not in INNER] == []
    assert [call for call in CALLS if f"`{call}`" not in REFERENCE] == []


#: What others are made of, or what a reader meets within them.
INNER = {"Mark", "Upstream", "judge", "parse_text"}


def test_what_the_kit_lists_is_there_and_public() -> None:
    assert [name for name in kit.__all__ if not hasattr(kit, name)] == []
    assert (kit.__doc__ or "").startswith("PUBLIC. ")
