"""Filter by a JSONPath condition: records that meet it are kept, or dropped. Confluent's Filter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connect.api import Batch, Config, DataError, Problem, config_key
from connect_transforms.fields.columns import ColumnTransform, KeyColumn, ValueColumn
from connect_transforms.fields.unmatched import UnmatchedCheck
from connect_transforms.json_path.path import JsonPath, Verdict

CONFLUENT = "io.confluent.connect.transforms."


class FilterByPathConfig(Config):
    """The condition, and what it decides."""

    filter_condition: str = config_key(
        "JSONPath that matches the records: $.a[?(@.b == 'x')] asks about the object a, "
        "or each item where a is an array.",
        importance="high",
        non_empty=True,
    )
    filter_type: str = config_key(
        "include keeps the records that match, exclude drops them.", importance="high", one_of=("include", "exclude")
    )
    missing_or_null_behavior: str = config_key(
        "What becomes of a record that lacks the fields of the condition, or has nulls there: "
        "fail raises an error, include keeps it, exclude drops it.",
        default="fail",
        one_of=("fail", "include", "exclude"),
    )

    def problems(self) -> Iterable[Problem]:
        return path_problems("filter.condition", self.filter_condition)


def path_problems(name: str, text: str) -> Iterable[Problem]:
    """Yield what is wrong with a key that is a JSONPath."""
    try:
        JsonPath(text)
    except ValueError as error:
        yield Problem(name, f"Invalid value {text} for configuration {name}: {error}")


class _FilterByPath(ColumnTransform[FilterByPathConfig]):
    def configure(self, config: Config) -> None:
        super().configure(config)
        self._path = JsonPath(self.config.filter_condition)
        self._keeps_matching = self.config.filter_type == "include"
        self._unmatched = UnmatchedCheck(self, f"a match of {self.config.filter_condition!r}", self._found_in)

    def apply_batch(self, batch: Batch) -> Batch | None:
        self._unmatched.look(batch)
        kept = self._kept(self._path.test_all(self.column(batch)[1]))
        if True not in kept:
            return None
        return batch if False not in kept else batch.select(kept)

    def _kept(self, verdicts: Sequence[Verdict]) -> list[bool]:
        if None in verdicts:
            behavior = self.config.missing_or_null_behavior
            if behavior == "fail":
                raise DataError(
                    f"the condition {self.config.filter_condition} looks for fields that are missing or null"
                )
            replaced = (behavior == "include") is self._keeps_matching
            verdicts = [replaced if verdict is None else verdict for verdict in verdicts]
        return [bool(v) for v in verdicts] if self._keeps_matching else [not v for v in verdicts]

    def _found_in(self, batch: Batch) -> bool:
        return any(self._path.test_all(self.column(batch)[1]))


class FilterByPathKey(_FilterByPath, KeyColumn):
    """Keep or drop records by a condition on the key."""

    class_name = CONFLUENT + "Filter$Key"
    aliases = ("connect.transforms.FilterByPath$Key",)


class FilterByPathValue(_FilterByPath, ValueColumn):
    """Keep or drop records by a condition on the value."""

    class_name = CONFLUENT + "Filter$Value"
    aliases = ("connect.transforms.FilterByPath$Value",)
