"""Names of files: what a template makes of records, and what it never does."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import DataError
from connect_file.folder.templates import NULL_NAME, Template, encoded, shortened
from connect_file.folder.times import Times


def template(text, extractor="Record"):
    return Template(text, Times(extractor, None), ".x")


def test_each_part_is_what_it_says(batch):
    made = template("${topic}/${time:yyyy/MM}/p${partition}/k=${field:k}/${start_offset}")
    [group] = made.groups(batch([{"k": "v"}], partition=7))
    assert made.path(group.texts, 12) == ("t/2023/11/p7/k=v", "0000000012")


def test_records_are_shared_out_by_their_fields_in_order(batch):
    made = template("${field:k}/${start_offset}")
    groups = made.groups(batch([{"k": "a"}, {"k": "b"}, {"k": "a"}]))
    assert [(group.rows, group.texts) for group in groups] == [([0, 2], ("a", "/")), ([1], ("b", "/"))]


def test_the_time_of_the_clock_is_no_part_of_what_a_record_is(batch):
    [record] = template("${time:yyyy}/${start_offset}").groups(batch([1]))
    [clock] = template("${time:yyyy}/${start_offset}", "Wallclock").groups(batch([1]))
    assert (record.identity, clock.identity) == ("2023/", "*/")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, NULL_NAME),
        ("", NULL_NAME),
        (NULL_NAME, "%5F_HIVE_DEFAULT_PARTITION__"),
        ("a/b", "a%2Fb"),
        ("..", "%2E."),
        ("x\0", "x%00"),
        ("50%", "50%25"),
        ("ünï", "ünï"),
        ("\ud800", "%ED%A0%80"),
        (True, "true"),
        (1, "1"),
        (1.5, "1.5"),
        (Decimal("1.50"), "1.50"),
        (dt.date(2024, 2, 29), "2024-02-29"),
        (dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC), "2024-02-29T12%3A00%3A00+00%3A00"),
    ],
)
def test_a_value_becomes_a_name(batch, value, name):
    [group] = template("${field:k}-${start_offset}").groups(batch([{"k": value}]))
    assert group.texts[0] == name


def test_equal_values_of_other_types_have_names_of_their_own(batch):
    made = template("${field:k}-${start_offset}").groups(batch([{"k": 1}, {"k": True}, {"k": 1.0}]))
    assert [group.texts[0] for group in made] == ["1", "true", "1.0"]


@pytest.mark.parametrize("value", [[1], {"a": 1}, b"x"])
def test_a_value_that_is_no_name_is_a_bad_record(batch, value):
    with pytest.raises(DataError, match="names no folder"):
        template("${field:k}-${start_offset}").groups(batch([{"k": value}]))


def test_a_path_that_no_file_system_takes_is_a_bad_record(batch):
    text = "/".join(f"${{field:{name}}}" for name in "abcdefghijklmnopq") + "/${start_offset}"
    with pytest.raises(DataError, match="longer than"):
        template(text).groups(batch([dict.fromkeys("abcdefghijklmnopq", "x" * 300)]))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("${topic}", "start_offset"),
        ("${start_offset}/x", "in the name of the file"),
        ("/${start_offset}", "within the folder"),
        ("a/../${start_offset}", "within the folder"),
        ("a//${start_offset}", "within the folder"),
        (".a/${start_offset}", "within the folder"),
        ("${time:.yyyy}/${start_offset}", "within the folder"),
        ("${time:'../'yyyy}/${start_offset}", "within the folder"),
        ("a\0/${start_offset}", "NUL"),
        ("a\\b/${start_offset}", "backslash"),
        ("${nope}/${start_offset}", r"\$\{nope\} is not known"),
        ("${field}/${start_offset}", "is not known"),
        ("${topic:x}/${start_offset}", "is not known"),
        ("${time:QQ}/${start_offset}", "'QQ' is not known"),
        ("${Topic}/${start_offset}", "lone"),
    ],
)
def test_a_template_that_is_none_is_refused(text, why):
    with pytest.raises(ValueError, match=why):
        template(text)


@given(st.text(), st.text())
def test_two_texts_have_two_names_and_none_leads_elsewhere(one, other):
    names = shortened(encoded(one)), shortened(encoded(other))
    for name in names:
        assert name
        assert "/" not in name
        assert "\0" not in name
        assert not name.startswith(".")
        assert len(name.encode()) <= 200
    assert (names[0] == names[1]) == (one == other)


@given(st.text(min_size=150), st.text(min_size=1))
def test_long_texts_that_begin_alike_have_two_names(one, more):
    assert shortened(encoded(one)) != shortened(encoded(one + more))


@pytest.mark.parametrize(
    "values",
    [
        [0.0, -0.0],
        [Decimal("1.0"), Decimal("1.00")],
        [
            dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC),
            dt.datetime(2024, 2, 29, 13, tzinfo=dt.timezone(dt.timedelta(hours=1))),
        ],
    ],
    ids=["floats", "decimals", "times"],
)
def test_equal_values_of_other_texts_have_the_name_that_each_has_alone(batch, values):
    made = template("${field:k}-${start_offset}")
    alone = [made.groups(batch([{"k": value}]))[0].texts for value in values]
    together = made.groups(batch([{"k": value} for value in values]))
    assert [group.texts for group in together] == alone
