"""Single-message transforms and predicates: change, drop or route records on their way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from connect.api.contract import batches_of, refuse
from connect.api.plugin import ConfigT, Plugin
from connect.api.record import Batch, Record


class Transform(Plugin[ConfigT]):
    """Changes records. Override `apply` (one record) or `apply_batch` (columns, for speed).

    Both run on a thread of the task's own. Neither changes what it is given: a record that needs no change is returned
    as it is, one that does is copied. So the runtime can run a failed batch again record by record.

    Attributes:
        alias: What the connector's config calls it; set by the runtime before `configure`, for the log.
        allowed_by: The worker's boolean key that must be true before a connector may use the class, for classes that
            run what the config names. None: always allowed.
    """

    alias: str = ""
    allowed_by: ClassVar[str | None] = None

    def apply(self, record: Record) -> Record | None:
        """Return the changed record, the same one, or None to drop it.

        Raises:
            DataError: The record cannot be transformed; `errors.tolerance` decides what follows.
        """
        self._must_override()
        given = Batch.group([record])[0]
        batches = batches_of(self, "apply_batch", self.apply_batch(given), given=given)
        records = [changed for batch in batches for changed in batch.records()]
        assert len(records) <= 1, f"{type(self).__qualname__}.apply_batch made {len(records)} records of one"
        return records[0] if records else None

    def apply_batch(self, batch: Batch) -> Batch | list[Batch] | None:
        """Return the changed batch; several where records now differ in topic or schema; None when all are dropped.
        Within a batch the records keep their order.

        Raises:
            DataError: Some records cannot be transformed. With `failed`, the others are given again together; without
                it, record by record.
        """
        self._must_override()
        return Batch.group(changed for record in batch.records() if (changed := self._applied(record)) is not None)

    def _applied(self, record: Record) -> Record | None:
        changed = self.apply(record)
        if changed is not None and not isinstance(changed, Record):
            refuse(self, "apply", changed, "a Record, or None to drop it")
        return changed

    def _must_override(self) -> None:
        # Each form of the base calls the other, so a class with neither would go round for ever.
        if type(self).apply is Transform.apply and type(self).apply_batch is Transform.apply_batch:
            raise NotImplementedError(f"{type(self).__qualname__} must define apply or apply_batch")


class Predicate(Plugin[ConfigT]):
    """Tells whether a transform applies to a record. Override `test`, and `test_batch` for speed."""

    def test(self, record: Record) -> bool:
        """Return whether the record meets the condition."""
        raise NotImplementedError(f"{type(self).__qualname__} must define test")

    def test_batch(self, batch: Batch) -> bool | Sequence[bool]:
        """Return one answer a record, or one for all."""
        return [self.test(record) for record in batch.records()]
