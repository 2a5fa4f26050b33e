"""The certificate of a transform: a right one passes it. Wrong ones: test_faulty_transforms.py."""

from __future__ import annotations

from connect.api import DataError, Record, transform
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
