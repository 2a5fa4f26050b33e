from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import Config, ConfigError, InvalidConfigError, Problem, Secret, config_key, invalid_value
from connect.api.config import names_of
from connect.api.config_values import ConfigType, parse_type, to_text


class ExampleConfig(Config):
    """An example."""

    file: str | None = config_key("Path of the file.", importance="high", default=None)
    topic: str = config_key("Topic to append to.", importance="high", non_empty=True)
    batch_size: int = config_key("Lines in one poll.", default=2000, ge=1)
    password: Secret | None = config_key("Password.", default=None)
    mode: Literal["bulk", "query"] = config_key("Mode.", default="bulk")
    tables: list[str] = config_key("Tables.", default=[])
    rate: float = config_key("Rate.", default=1.5)
    big: int = config_key("A long.", type="LONG", default=0)

    def problems(self) -> Iterable[Problem]:
        if self.mode == "query" and self.tables:
            yield Problem("tables", "tables cannot be given with mode=query")


class ChildConfig(ExampleConfig):
    more: bool = config_key("More.", default=False)


def problems_of(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidConfigError) as raised:
        ExampleConfig.parse(raw)
    return [problem.message for problem in raised.value.problems]


def test_kafka_strings_become_typed_values() -> None:
    config = ExampleConfig.parse(
        {"topic": " t ", "batch.size": " 5 ", "tables": "a, b ,c", "rate": "2", "big": "5000000000"}
    )
    assert (config.topic, config.batch_size, config.tables, config.rate, config.big) == (
        "t",
        5,
        ["a", "b", "c"],
        2.0,
        5_000_000_000,
    )


def test_a_missing_required_key_is_named() -> None:
    assert problems_of({}) == ['Missing required configuration "topic" which has no default value.']


def test_every_problem_is_reported_at_once() -> None:
    assert problems_of({"batch.size": "x", "mode": "c", "topic": ""}) == [
        "Invalid value  for configuration topic: String must be non-empty",
        "Invalid value x for configuration batch.size: Not a number of type INT",
        "Invalid value c for configuration mode: String must be one of: bulk, query",
    ]


def test_a_null_for_a_key_that_takes_none_is_refused() -> None:
    assert problems_of({"topic": None})[0].startswith("Invalid value null for configuration topic")


def test_bounds_are_told_in_kafkas_words() -> None:
    assert problems_of({"topic": "t", "batch.size": "0"}) == [
        "Invalid value 0 for configuration batch.size: Value must be at least 1"
    ]


def test_problems_between_keys_are_reported() -> None:
    assert problems_of({"topic": "t", "mode": "query", "tables": "a"}) == ["tables cannot be given with mode=query"]


def test_a_secret_is_never_shown() -> None:
    config = ExampleConfig.parse({"topic": "t", "password": "hunter2"})
    assert "hunter2" not in f"{config!r} {config} {config.password}"
    assert config.password is not None
    assert config.password.get_secret_value() == "hunter2"
    assert ExampleConfig.values({"topic": "t", "password": "hunter2"})["password"].text == "[hidden]"


def test_a_secret_of_the_wrong_type_is_not_shown_in_its_error() -> None:
    assert "1234" not in problems_of({"topic": "t", "password": 1234})[0]


def test_unknown_keys_are_ignored_and_kept_in_originals() -> None:
    assert ExampleConfig.parse({"topic": "t", "other": "x"}).originals["other"] == "x"


def test_a_subclass_has_its_parents_keys_and_its_own() -> None:
    ExampleConfig.keys()
    assert list(ChildConfig.keys()) == [*ExampleConfig.keys(), "more"]


def test_values_reports_each_key_by_itself() -> None:
    values = ExampleConfig.values({"batch.size": "x"})
    assert values["batch.size"].errors
    assert values["topic"].errors
    assert values["mode"].text == "bulk"


def test_the_declaration_carries_type_default_and_documentation() -> None:
    declared = ExampleConfig.keys()["batch.size"]
    assert (declared.type, declared.default_text, declared.required, declared.documentation) == (
        ConfigType.INT,
        "2000",
        False,
        "Lines in one poll.",
    )


@pytest.mark.parametrize(
    ("raw", "wanted", "parsed"),
    [
        (" True ", ConfigType.BOOLEAN, True),
        ("+5", ConfigType.INT, 5),
        ("1e3", ConfigType.DOUBLE, 1000.0),
        ("", ConfigType.LIST, []),
        ("a,,b", ConfigType.LIST, ["a", "", "b"]),
        (None, ConfigType.INT, None),
    ],
)
def test_parse_type_follows_configdef(raw: Any, wanted: ConfigType, parsed: Any) -> None:
    assert parse_type("k", raw, wanted) == parsed


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("70000", ConfigType.SHORT),
        ("1_000", ConfigType.INT),
        ("0x10", ConfigType.DOUBLE),
        (True, ConfigType.INT),
        ("yes", ConfigType.BOOLEAN),
    ],
)
def test_parse_type_refuses_what_configdef_refuses(raw: Any, wanted: ConfigType) -> None:
    with pytest.raises(ConfigError, match="for configuration k"):
        parse_type("k", raw, wanted)


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_a_long_survives_text_and_back(number: int) -> None:
    text = to_text(number, ConfigType.LONG)
    assert parse_type("k", text, ConfigType.LONG) == number


def test_values_print_as_java_prints_them() -> None:
    class Limits(Config):
        rate: float = config_key("How fast.", default=1e10)
        ratio: float = config_key("How much.", default=0.0001)

    assert [declared.default_text for declared in Limits.keys().values()] == ["1.0E10", "1.0E-4"]
    assert invalid_value("limits", {"a": [True, 1e7]}).message == (
        "Invalid value {a=[true, 1.0E7]} for configuration limits"
    )


RESERVED = ["keys", "values", "parse", "problems", "originals", "model_fields", "model_dump"]


@pytest.mark.parametrize("name", RESERVED)
def test_a_key_of_a_name_that_config_has_itself_is_refused_as_the_class_is_made(name: str) -> None:
    with pytest.raises(TypeError, match=f"config Mine: .* called {name!r}.* write {name}_ = config_key") as raised:
        type("Mine", (Config,), {"__annotations__": {name: str}, name: config_key("Theirs."), "__module__": __name__})
    assert f'name="{name.replace("_", ".")}"' in str(raised.value)


def test_such_a_key_can_have_another_attribute() -> None:
    class Mine(Config):
        problems_: str = config_key("Theirs.", name="problems")
        originals_: int = config_key("Theirs.", name="originals")
        model_name: str = config_key("Theirs.")
        name: str = config_key("Theirs.")

        def problems(self) -> Iterable[Problem]:
            if self.problems_ == "many":
                yield Problem("problems", "too many")

    raw = {"problems": "few", "originals": "7", "model.name": "T", "name": "x"}
    config = Mine.parse(raw)
    assert (config.problems_, config.originals_, config.model_name) == ("few", 7, "T")
    assert config.originals == raw
    with pytest.raises(ConfigError, match="too many"):
        Mine.parse({**raw, "problems": "many"})


def test_no_name_comes_to_config_that_a_key_may_have() -> None:
    own = {name for name in vars(Config) if not name.startswith(("_", "model_"))}
    assert own == {"keys", "values", "parse", "problems", "originals"}


class RenamedConfig(Config):
    prefix: str = config_key("A prefix.", formerly=["server.name", "name.of.server"], non_empty=True)
    word: Secret | None = config_key("A secret.", default=None, formerly=["pass"])
    size: int = config_key("A size.", default=1, formerly=["count"])


def test_names_that_a_key_had_before_count_where_the_key_is_not_given() -> None:
    assert RenamedConfig.parse({"server.name": "a", "pass": "w", "count": "5"}).size == 5
    assert RenamedConfig.parse({"name.of.server": "a"}).prefix == "a"
    assert RenamedConfig.parse({"server.name": "a", "prefix": "b", "name.of.server": "c"}).prefix == "b"
    assert RenamedConfig.parse({"server.name": "a", "pass": "w"}).word == Secret("w")
    assert list(RenamedConfig.keys()) == ["prefix", "word", "size"]


def test_what_is_wrong_is_told_under_the_name_that_was_given() -> None:
    with pytest.raises(ConfigError, match="for configuration count"):
        RenamedConfig.parse({"prefix": "a", "count": "x"})
    with pytest.raises(ConfigError, match=r"for configuration server\.name"):
        RenamedConfig.parse({"server.name": ""})
    with pytest.raises(ConfigError, match='Missing required configuration "prefix"'):
        RenamedConfig.parse({})


def test_every_name_of_a_key_leads_to_it() -> None:
    names = names_of(RenamedConfig)
    assert {name: key.name for name, key in names.items()} == {
        "server.name": "prefix",
        "name.of.server": "prefix",
        "pass": "word",
        "count": "size",
        "prefix": "prefix",
        "word": "word",
        "size": "size",
    }
