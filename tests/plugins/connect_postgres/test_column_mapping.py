"""Which columns a table has for the modes, where tables differ."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect_postgres.column_mapping import check_ids, check_times, id_column, time_columns
from connect_postgres.names import TableName

TABLE = TableName("orders", "shop")


@pytest.mark.parametrize("pattern", ["orders", r"shop\.orders", r"db\.shop\.ord.*", "shop.(?:orders|items)"])
def test_a_pattern_fits_the_whole_of_any_of_a_tables_names(pattern: str) -> None:
    assert id_column([f"{pattern}:id", "other.*:no"], TABLE, "db") == "id"
    assert time_columns([f"{pattern}:[a| b]"], TABLE, "db") == ["a", "b"]


@pytest.mark.parametrize(
    ("entries", "told"), [(["ord:id"], "no pattern fits"), (["orders:id", "ord.*:no"], r"orders, ord\.\* all fit")]
)
def test_exactly_one_pattern_is_to_fit(entries: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=f"table shop.orders: {told} in incrementing.column.mapping"):
        id_column(entries, TABLE, "db")


@pytest.mark.parametrize("entry", ["id", ":id", "a:", "(:id"])
def test_what_is_no_mapping_of_an_id_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"REGEX:COLUMN|regular expression"):
        check_ids(["a:b", entry])


@pytest.mark.parametrize("entry", ["a:b", "a:[]", "a:[b|]", ":[b]", "a:[b", "(:[b]"])
def test_what_is_no_mapping_of_times_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"REGEX:\[COLUMN|regular expression"):
        check_times(["a:[b]", entry])
