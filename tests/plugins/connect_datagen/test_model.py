"""Models of related tables are read, and what is wrong with one is told with its place."""

import json

import pytest

from connect_datagen.model import ModelProblem, parse

FIELD = {"name": "f", "type": "int"}


def model(**tables):
    return json.dumps({"tables": tables})


def test_tables_come_behind_those_that_they_refer_to():
    tables = parse(
        model(
            payments={"references": {"order": "orders"}},
            orders={"references": {"customer": {"table": "customers", "pick": "zipf"}}, "rows": 4.5},
            customers={"key": {"field": "nr", "prefix": "C-"}, "fields": [FIELD]},
        )
    )
    assert [table.name for table in tables] == ["customers", "orders", "payments"]
    assert str(tables[1].rows) == "9/2"


def test_comments_are_read_over():
    assert len(parse('{"tables": {/* one */ "a": {}}} // end')) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "it is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "the model: expected an object with tables"),
        ('{"tables": {}}', "'tables' must be an object with 1 to 100 tables"),
        ('{"tabels": {}}', "the model: 'tabels' is not known; known are tables; the nearest is 'tables'"),
        (model(a=[]), "table 'a': expected an object"),
        (model(a={"row": 1}), "table 'a': 'row' is not known; .*the nearest is 'rows'"),
        (model(a={"rows": 0}), "table 'a', rows: expected a number from 0.001 to 10000"),
        (model(a={"rows": True}), "table 'a', rows: expected a number"),
        (model(a={"count": 0}), "table 'a', count: expected a whole number from 1"),
        (model(a={"count": 5, "rows": 1}), "table 'a': either 'rows' in a round or a 'count'"),
        (model(a={"key": 5}), "table 'a', key: expected an object"),
        (model(a={"key": {"start": 1}}), "table 'a', key: expected a field's name, or"),
        (model(a={"key": "f", "fields": [FIELD]}), "table 'a': field 'f' is there twice"),
        (model(a={"fields": [{"name": "f", "type": "it"}]}), "table 'a': field 'f': unknown Avro type 'it'"),
        (model(a={"fields": {}}), "table 'a': 'fields' must be a list"),
        (model(a={"references": ["b"]}), "table 'a': 'references' must be an object"),
        (model(a={"references": {"x": "b"}}), "table 'a', reference 'x': there is no table 'b'"),
        (model(a={"references": {"x": {"pick": "zipf"}}}), "reference 'x': it does not say which 'table'"),
        (model(a={"references": {"x": {"table": "a", "pick": "best"}}}), "'pick' must be one of uniform, zipf"),
        (model(a={"references": {"x": {"table": "a", "of": 1}}}), "reference 'x': 'of' is not known"),
        (
            model(a={"references": {"x": {"table": "a", "pick": "zipf", "exponent": 0}}}),
            "'exponent' must be a number above 0",
        ),
        (model(a={"references": {"x": {"table": "a", "pick": "hot", "share": 1}}}), "'share' and 'of' must be between"),
        (model(a={"references": {"x": {"table": "a", "pick": "recent", "last": 0}}}), "last: expected a whole number"),
        (model(a={"references": {"x": "a"}}), "tables refer to each other in a circle: a -> a"),
        (model(a={"references": {"x": "b"}}, b={"references": {"y": "a"}}), "in a circle"),
        (model(a={"count": 5, "references": {"x": "b"}}, b={}), "refer to 'b', which grows"),
        (model(a={"references": {"x": {"table": "b", "pick": "each"}}}, b={"count": 5}), "pick 'each' is for tables"),
        (model(a={"updates": {"per_row": 1}}), "updates: 'fields' must name the fields that change"),
        (model(a={"fields": [FIELD], "updates": {"fields": ["g"]}}), "'g' is none of the table's own fields: f"),
        (model(a={"fields": [FIELD], "updates": {"within": 0}}), "updates: within: expected a whole number from 1"),
        (model(a={"deletes": {"share": 2}}), "deletes: share: expected a number from 0 to 1"),
        (model(a={"rows": 1000, "deletes": {"within": 5000}}), "table 'a': more than 1000000 rows would wait"),
        (
            model(a={"deletes": {"within": 5000}}, b={"rows": 1000, "references": {"x": "a"}}),
            "table 'b': more than 1000000 rows would wait",
        ),
        (model(a={"topic": 5}), "table 'a': 'topic' must be a text"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, message):
    with pytest.raises(ModelProblem, match=message):
        parse(text)


def test_a_field_that_counts_cannot_be_drawn_anew():
    counts = {"name": "n", "type": {"type": "int", "arg.properties": {"iteration": {"start": 0}}}}
    with pytest.raises(ModelProblem, match="field 'n' counts"):
        parse(model(a={"fields": [counts, FIELD], "updates": {"fields": ["n"]}}))
    [table] = parse(model(a={"fields": [counts, FIELD], "updates": {}}))
    assert table.updated == ("f",)
