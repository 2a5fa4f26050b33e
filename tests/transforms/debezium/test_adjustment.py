"""Names made fit for Avro."""

from __future__ import annotations

import pytest

from connect_transforms.debezium.adjustment import adjusted


@pytest.mark.parametrize(
    ("name", "avro", "of_unicode"),
    [
        ("shop.orders.Key", "shop.orders.Key", "shop.orders.Key"),
        ("a-b.c d", "a_b.c_d", "a_u002db.c_u0020d"),
        ("1st", "_1st", "_u0031st"),
        ("a_b", "a_b", "a_u005fb"),
        (".a", "_a", "_u002ea"),
        ("", "", ""),
        ("čé", "__", "_u10d_u00e9"),
        ("a😀", "a__", "a_ud83d_ude00"),
    ],
)
def test_what_avro_cannot_have_is_replaced(name: str, avro: str, of_unicode: str) -> None:
    assert adjusted(name, "none") == name
    assert adjusted(name, "avro") == avro
    assert adjusted(name, "avro_unicode") == of_unicode


def test_a_point_is_no_part_of_a_fields_name() -> None:
    assert adjusted("a.b", "avro", is_field=True) == "a_b"
