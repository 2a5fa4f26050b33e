from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from connect.api import Record, Transform, transform
from connect.testing.suites.called import CalledSuite


@transform
def same(record: Record) -> Record:
    """Change nothing."""
    return record


class SameSuite(CalledSuite):
    def plugin_class(self) -> type[Transform]:
        return same

    def on_threads(self, folder: Path, use: Any) -> list[Any]:
        return self._on_two_threads(folder, use)


def test_two_instances_work_at_once_on_threads_of_their_own(tmp_path: Path) -> None:
    seen: set[tuple[str, int, bool]] = set()

    def use(made: Any, is_second: bool) -> str:
        seen.add((threading.current_thread().name, id(made), is_second))
        return "second" if is_second else "first"

    found = SameSuite().on_threads(tmp_path, use)
    assert set(found) == {"first"}
    assert len(found) > 1
    assert len({name for name, _, _ in seen}) == len({made for _, made, _ in seen}) == len(seen) == 2


def test_one_that_fails_beside_another_is_told(tmp_path: Path) -> None:
    def use(made: Any, is_second: bool) -> None:
        if is_second:
            raise ValueError("shared")

    with pytest.raises(pytest.fail.Exception, match="two instances at once do not work: shared"):
        SameSuite().on_threads(tmp_path, use)
