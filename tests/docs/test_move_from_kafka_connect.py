"""The how-to's example: what it prints, and the way of offsets from one worker to another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.command import connect

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "move-from-kafka-connect.md"


def test_the_check_prints_what_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = HOWTO.read_text()
    files = re.findall(r"`([a-z-]+\.(?:json|properties))`:\n\n```\w+\n(.*?)```", page, re.DOTALL)
    assert [name for name, _ in files] == ["worker.properties", "orders-sink.json", "orders-cdc.json"]
    for name, text in files:
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    [command] = re.findall(r"^\$ connect (.*)$", page, re.MULTILINE)
    [printed] = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    done = connect(*command.split())
    assert done.stdout == printed
    assert done.returncode == 1
