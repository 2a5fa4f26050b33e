"""Says once in the log that a transform found nothing to do: mostly a name that is spelt otherwise in the data."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from connect.api import Batch, Schema, SchemaType, Transform
from connect_transforms.fields.field_path import FieldPath

#: After so many records without a match it is said; a later match is not looked for.
CHECKED_RECORDS = 1000
logger = logging.getLogger(__name__)


class UnmatchedCheck:
    """Looks at the first records of a transform, until one has what the transform looks for.

    Args:
        transform: Named in the log.
        sought: What was looked for, as the log says it: "field 'card'".
        found_in: Whether a batch has it.
    """

    def __init__(self, transform: Transform, sought: str, found_in: Callable[[Batch], bool]) -> None:
        self._transform = transform
        self._sought = sought
        self._found_in = found_in
        self._seen = 0
        self._done = False

    def look(self, batch: Batch) -> None:
        """Look at a batch that the transform is given; costs nothing once the question is settled."""
        if self._done:
            return
        if self._found_in(batch):
            self._done = True
            return
        self._seen += len(batch)
        if self._seen >= CHECKED_RECORDS:
            self._done = True
            logger.warning(
                "transform %s (%s): none of the first %d records had %s; it changes nothing until one does",
                repr(self._transform.alias) if self._transform.alias else "without alias",
                self._transform.plugin_name(),
                self._seen,
                self._sought,
            )


def unmatched_fields(
    transform: Transform, paths: Sequence[FieldPath], column: Callable[[Batch], tuple[Schema | None, list[Any]]]
) -> UnmatchedCheck:
    """Return the check of a transform that names fields."""

    def found_in(batch: Batch) -> bool:
        schema, values = column(batch)
        if schema is not None:
            return any(_has(path.steps, schema) for path in paths)
        return any(_lies_at(path.steps, value) for value in values for path in paths)

    named = ", ".join(repr(path.text) for path in paths)
    dotted = next((p.text for p in paths if len(p.steps) == 1 and "." in p.steps[0]), None)
    hint = "" if dotted is None else f" (with field.syntax.version=V2, {dotted!r} would be a path into nested objects)"
    return UnmatchedCheck(transform, f"{'field' if len(paths) == 1 else 'any of the fields'} {named}{hint}", found_in)


def _has(steps: Sequence[str], schema: Schema) -> bool:
    found = schema
    for step in steps:
        field = found.field(step) if found.type is SchemaType.STRUCT else None
        if field is None:
            return False
        found = field.schema
    return True


def _lies_at(steps: Sequence[str], value: Any) -> bool:
    for step in steps:
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True
