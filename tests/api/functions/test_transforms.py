from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import pytest

from connect.api import Batch, DataError, Record, Transform, transform


def configured(form: type[Transform], config: Mapping[str, str]) -> Transform:
    made = form()
    made.configure(form.config_class.parse(config))
    return made


@transform
def shout(record: Record, mark: str = "!") -> Record | None:
    """Make text loud; drop what is empty."""
    return record.replace(value=record.value.upper() + mark) if record.value else None


@transform
def shout_all(batch: Batch, mark: str = "!") -> Batch:
    """Make text loud."""
    return batch.replace(values=[value.upper() + mark for value in batch.values])


def test_a_function_of_a_record_changes_it_or_drops_it() -> None:
    made = configured(shout, {"mark": "?"})
    assert made.apply(Record("t", "a")) == Record("t", "A?")
    assert made.apply(Record("t", "")) is None
    changed = made.apply_batch(Batch("t", ["a", "", "b"]))
    assert isinstance(changed, list)
    assert [batch.values for batch in changed] == [["A?", "B?"]]


def test_a_function_of_a_batch_changes_it_and_single_records_too() -> None:
    made = configured(shout_all, {})
    changed = made.apply_batch(Batch("t", ["a", "b"]))
    assert isinstance(changed, Batch)
    assert changed.values == ["A!", "B!"]
    one = made.apply(Record("t", "a"))
    assert one is not None
    assert one.value == "A!"


def test_a_transform_goes_by_its_function_or_by_the_name_it_is_given() -> None:
    named = transform(class_name="org.example.Shout", aliases=("Louder",))(shout.function)
    assert shout.plugin_name() == f"{__name__}.shout"
    assert (named.plugin_name(), named.aliases) == ("org.example.Shout", ("Louder",))
    assert shout.function(Record("t", "a")) == Record("t", "A!")


async def later(record: Record) -> Record:
    """Change nothing."""
    return record


def several(record: Record) -> Iterator[Record]:
    """Change nothing."""
    yield record


async def several_later(record: Record) -> AsyncIterator[Record]:
    """Change nothing."""
    yield record


def with_context(record: Record, context: Any) -> Record:
    """Change nothing."""
    return record


def of_a_value(value: dict[str, Any], mark: str = "!") -> dict[str, Any]:
    """Change nothing."""
    return value


def without_return(record: Record) -> None:
    """Change nothing, and forget it."""
    if record.value is None:
        raise DataError("no value")

    def louder() -> str:
        return str(record.value).upper()

    record.replace(value=louder())


def dropping(record: Record) -> None:
    """Drop what a predicate finds."""
    return None  # noqa: RET501


def failing(record: Record) -> Record:
    """Take nothing."""
    raise DataError("no record is taken")


@pytest.mark.parametrize("function", [dropping, failing])
def test_a_transform_may_drop_or_refuse_all_where_it_says_so(function: Callable[..., Any]) -> None:
    assert transform(function).plugin_name() == f"{__name__}.{function.__name__}"


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (of_a_value, "has 'value' in front, where it is given record: Record, or batch: Batch"),
        (without_return, r"has no return, and so would drop all it is given; write: return record\.replace"),
        (later, "is no plain def"),
        (several, "is no plain def"),
        (several_later, "is an async generator"),
        (with_context, "takes context, which a transform is not given"),
    ],
)
def test_what_is_no_plain_function_is_refused_as_it_is_defined(function: Callable[..., Any], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        transform(function)
