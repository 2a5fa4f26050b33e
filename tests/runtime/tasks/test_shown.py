"""What an answer shows of a value: enough of it, never too much, and no secret."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from connect.api import Schema
from connect.runtime.tasks.shown import CUT, TEXT_CHARS_MAX, VALUE_CHARS_MAX, Shown


def size_of(shown: Any) -> int:
    return len(json.dumps(shown))


def test_a_value_is_shown_as_json_has_it() -> None:
    value = {"id": 1, "price": Decimal("1.50"), "raw": b"\xff", "tags": ["a", None]}
    assert Shown().value(value) == {"id": 1, "price": "1.50", "raw": {"base64": "/w=="}, "tags": ["a", None]}


def test_a_text_of_10_mb_is_cut_with_a_mark_of_its_length() -> None:
    shown = Shown().value("x" * 10_000_000)
    assert shown == "x" * TEXT_CHARS_MAX + f"{CUT} (10000000 characters)"


def test_a_list_and_a_struct_of_very_many_items_end_with_how_many_are_left() -> None:
    items = Shown().value(list(range(100_000)))
    assert items[-1].startswith(CUT)
    assert len(items) - 1 + int(items[-1].split("(")[1].split()[0]) == 100_000
    fields = Shown().value({f"f{n}": n for n in range(100_000)})
    assert len(fields) - 1 + int(fields[CUT].split()[0]) == 100_000
    assert size_of(fields) < 4 * VALUE_CHARS_MAX


def test_many_long_texts_are_bounded_together() -> None:
    assert size_of(Shown().value(["y" * 4000] * 1000)) < 2 * VALUE_CHARS_MAX


def test_bytes_of_the_log_are_their_text_or_base64_and_cut() -> None:
    show = Shown()
    assert (show.data(None), show.data("ä".encode()), show.data(b"\xff\xfe")) == (None, "ä", {"base64": "//4="})
    assert show.data(b"z" * 10_000_000) == "z" * TEXT_CHARS_MAX + f"{CUT} (10000000 bytes)"
    assert show.data("ä".encode() * 5_000_000).endswith(f"{CUT} (10000000 bytes)")
    assert show.data(b"\xff" * 10_000_000)[CUT] == "10000000 bytes"


def test_secrets_are_hidden_in_texts_in_bytes_and_behind_the_names_that_tell_of_them() -> None:
    show = Shown(["Wj9-kL2x"])
    value = {
        "note": "it is Wj9-kL2x",
        "raw": b"\xffWj9-kL2x",
        "url": "postgres://me:geheim77@db/x",
        "password": "anything",
        "api_key": "k",
        "Wj9-kL2x": 1,
    }
    assert show.value(value) == {
        "note": "it is [hidden]",
        "raw": "[hidden]",
        "url": "postgres://me:[hidden]@db/x",
        "password": "[hidden]",
        "api_key": "[hidden]",
        "[hidden]": 1,
    }
    assert show.data(b'{"password": "anything", "note": "Wj9-kL2x"}') == '{"password": "[hidden]", "note": "[hidden]"}'


def test_a_secret_on_the_border_of_a_cut_is_hidden_whole() -> None:
    show = Shown(["Wj9-kL2x"])
    text = "a" * (TEXT_CHARS_MAX - 4) + "Wj9-kL2x" + "b" * 100
    assert "Wj9" not in show.value(text)
    assert "Wj9" not in show.data(text.encode())


def test_a_class_that_cannot_be_looked_at_is_shown_as_that() -> None:
    class Odd(Sequence[int]):
        def __len__(self) -> int:
            raise ValueError("no length")

        def __getitem__(self, index: Any) -> Any:
            raise IndexError

        def __iter__(self) -> Iterator[int]:
            raise ValueError("no items")

    assert Shown().value(Odd()) == "what cannot be shown: ValueError: no length"


def test_a_value_nested_very_deep_ends() -> None:
    value: Any = "end"
    for _ in range(500):
        value = [value]
    json.dumps(Shown().value(value))


def test_a_schema_is_one_line() -> None:
    schema = Schema.struct(
        {
            "id": Schema("int64"),
            "note": Schema("string", optional=True),
            "price": Schema.decimal(2),
            "tags": Schema.array(Schema("string")),
            "by": Schema.map(Schema("string"), Schema("int8", optional=True)),
        },
        name="Order",
    )
    assert Shown().schema(schema) == (
        "struct Order {id: int64, note: string?, price: bytes org.apache.kafka.connect.data.Decimal scale 2, "
        "tags: array<string>, by: map<string, int8?>}"
    )
    assert Shown().schema(None) is None
    many = Schema.struct({f"f{n}": Schema("int64") for n in range(10_000)})
    assert len(Shown().schema(many) or "") < 2100


def test_what_was_shown_is_counted() -> None:
    show = Shown()
    show.value("x" * 100)
    assert 100 <= show.spent_chars < 200
