"""Filter: drops every record; its predicate says which."""

from __future__ import annotations

from connect.api import Batch, Record, Transform
from connect_transforms.fields.columns import PREFIX, VERSION


class Filter(Transform):
    """Drop all records that the predicate lets through to it."""

    class_name = PREFIX + "Filter"
    version = VERSION

    def apply(self, record: Record) -> None:
        return None

    def apply_batch(self, batch: Batch) -> None:
        return None
