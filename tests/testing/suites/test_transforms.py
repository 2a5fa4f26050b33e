"""The certificate of a transform: a right one passes it. Wrong ones: test_faulty_transforms.py."""

from __future__ import annotations

import threading
from pathlib import Path

from connect.api import Config, DataError, Record, Transform, transform
from connect.testing.suites import TransformSuite


@transform
def shout(record: Record, mark: str = "!", without: str = "secret") -> Record | None:
    """Make names loud.

    Args:
        mark: Comes behind each.
        without: Records with this name are dropped.
    """
    if record.value is None:
        return record
    if not isinstance(record.value, dict) or not isinstance(record.value.get("name"), str):
        raise DataError("the value has no name that is text")
    if record.value["name"] == without:
        return None
    return record.replace(value=record.value | {"name": record.value["name"].upper() + mark})


class TestShout(TransformSuite):
    transform = shout
    config = {"mark": "?"}  # noqa: RUF012 - as an author writes it

    def examples(self) -> list[tuple[Record, Record | None]]:
        return [(Record("t", {"name": "a"}), Record("t", {"name": "A?"})), (Record("t", {"name": "secret"}), None)]

    def bad_record(self) -> Record:
        return Record("t", {"name": 5})

    def dropped_record(self) -> Record:
        return Record("t", {"name": "secret"})


class Threaded(Transform[Config]):
    """Has a thread from `configure` to `close`, as one that looks up names in the background."""

    def configure(self, config: Config) -> None:
        super().configure(config)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.ended.wait, args=(60,))
        self.thread.start()

    def apply(self, record: Record) -> Record:
        return record

    def close(self) -> None:
        if hasattr(self, "thread"):
            self.ended.set()
            self.thread.join(10)


def test_a_transform_that_ends_its_thread_as_it_is_closed_leaves_none(tmp_path: Path) -> None:
    class OfThreaded(TransformSuite):
        transform = Threaded

        def records(self) -> list[Record]:
            return [Record("t", {"a": 1})]

    OfThreaded().test_life_leaves_no_thread_and_no_file(tmp_path)
