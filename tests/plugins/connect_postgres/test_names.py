from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import ConfigError
from connect_postgres.names import TableName, quoted
from connect_postgres.source_config import decode_table, encode_table

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


def test_a_name_is_quoted_whatever_it_holds() -> None:
    assert quoted('a"; DROP TABLE x; --') == '"a""; DROP TABLE x; --"'
    with pytest.raises(ConfigError, match="cannot be the name"):
        quoted("a\0b")


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("orders", '"orders"'),
        ("my schema.my table", '"my schema"."my table"'),
        ("db.public.orders", '"public"."orders"'),
        ('public."a.b"', '"public"."a.b"'),
        ('"a""b"', '"a""b"'),
    ],
)
def test_table_names_come_with_and_without_schema(text: str, sql: str) -> None:
    assert TableName.parse(text).sql == sql


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a.b.c.d", '"a'])
def test_what_is_no_table_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"SCHEMA\.TABLE"):
        TableName.parse(text)


@given(NAMES, NAMES)
def test_any_table_name_survives_a_comma_separated_list(schema: str, name: str) -> None:
    table = TableName(name, schema)
    assert "," not in encode_table(table)
    assert decode_table(encode_table(table)) == table
