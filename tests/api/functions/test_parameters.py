from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest

from connect.api import ConfigError, ConfigType, Record, Secret, config_key
from connect.api.functions.parameters import Parameters


def declared(function: Callable[..., Any], *, given: int = 0) -> Any:
    return Parameters(function, "source", given=given).config_class()


def test_each_parameter_is_a_key_with_its_type_and_its_default() -> None:
    def read(url: str, token: Secret, batch_size: int = 100, ratio: float = 0.5, tags: list[str] | None = None) -> None:
        """Read."""

    keys = declared(read).keys()
    assert {name: key.type for name, key in keys.items()} == {
        "url": ConfigType.STRING,
        "token": ConfigType.PASSWORD,
        "batch.size": ConfigType.INT,
        "ratio": ConfigType.DOUBLE,
        "tags": ConfigType.LIST,
    }
    assert [name for name, key in keys.items() if key.required] == ["url", "token"]
    assert keys["batch.size"].default == 100


def test_the_docstring_says_what_each_key_is_for() -> None:
    def read(url: str, mode: Literal["all", "new"] = "all") -> None:
        """Read pages.

        One by one.

        Args:
            url: Where to begin,
                with the scheme.
            mode (str): What to read: everything, or
              what is new.

        Returns:
            url: Nothing of this.
        """

    made = declared(read)
    assert made.__doc__ == "Read pages.\n\nOne by one."
    assert made.keys()["url"].documentation == "Where to begin, with the scheme."
    assert made.keys()["mode"].documentation == "What to read: everything, or what is new."
    assert made.keys()["mode"].recommended == ("all", "new")


def test_a_parameter_may_say_all_that_a_config_key_can() -> None:
    def read(
        limit: Annotated[int, config_key("At most.", ge=1)] = 10,
        wait: int = config_key("How long.", default=3, name="wait.ms", importance="low"),
        strict: Annotated[bool, config_key("Whether.", default=True)] = False,
        odd: Annotated[bool, config_key("Whether.", default=True)] = config_key("Odd.", default=False),
    ) -> None:
        """Read."""

    keys = declared(read).keys()
    assert {name: key.default for name, key in keys.items()} == {
        "limit": 10, "wait.ms": 3, "strict": False, "odd": False
    }  # fmt: skip
    assert keys["wait.ms"].importance == "LOW"
    assert keys["odd"].documentation == "Odd."
    with pytest.raises(ConfigError, match="at least 1"):
        declared(read).parse({"limit": "0"})


def test_a_parameter_may_have_a_name_that_a_config_has_itself() -> None:
    def read(keys: list[str], values: Annotated[str, config_key("Some.")], schema: str = "") -> None:
        """Read."""

    parameters = Parameters(read, "source")
    made = parameters.config_class()
    assert list(made.keys()) == ["keys", "values", "schema"]
    assert parameters.arguments(made.parse({"keys": "a,b", "values": "v"})) == {
        "keys": ["a", "b"], "values": "v", "schema": ""
    }  # fmt: skip


def test_further_keys_stand_behind_none_of_the_functions_own_that_says_more() -> None:
    def plain(topic: str) -> None:
        """Read."""

    def told(topic: str = "there") -> None:
        """Read."""

    more = {"topic": (str, config_key("Topic to write to.", importance="high"))}
    assert Parameters(plain, "source").config_class(**more).keys()["topic"].documentation == "Topic to write to."
    assert Parameters(told, "source").config_class(**more).keys()["topic"].default == "there"


def test_what_comes_in_and_the_context_are_no_keys() -> None:
    def write(records: list[Record], path: str, context: Any) -> None:
        """Write."""

    parameters = Parameters(write, "sink", given=1)
    assert list(parameters.config_class().keys()) == ["path"]
    assert parameters.takes_context
    assert parameters.input_types == (list[Record],)


def unannotated(x) -> None:  # type: ignore[no-untyped-def]
    """Take."""


def positional(x: int, /) -> None:
    """Take."""


def starred(*x: int) -> None:
    """Take."""


def keywords(**x: int) -> None:
    """Take."""


def underscored(_x: int) -> None:
    """Take."""


def odd_type(x: dict[str, int]) -> None:
    """Take."""


def two_types(x: int | str) -> None:
    """Take."""


def twice(x: int, x_: int) -> None: ...


def twice_taken(keys: int, keys_: int) -> None: ...


def raising_annotation(x: 1 / 0) -> None: ...  # type: ignore[valid-type]


def unknown_name(x: Nowhere) -> None:  # type: ignore[name-defined] # noqa: F821
    """Take."""


def described(x: int) -> None:
    """Take.

    Args:
        y: Nothing.
    """


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (unannotated, "no annotation for 'x'; write x: str, int"),
        (positional, "cannot take 'x' from a config"),
        (starred, r"takes \*x; each key"),
        (keywords, r"takes \*x; each key"),
        (underscored, "cannot take '_x' from a config"),
        (odd_type, "cannot be a key of its config: no ConfigDef type for"),
        (two_types, "a config key has one type"),
        (unknown_name, "annotation that cannot be read: name 'Nowhere'"),
        (twice, "two parameters that are one key"),
        (twice_taken, "two parameters that are one key"),
        (raising_annotation, "annotation that cannot be read: division by zero"),
        (described, "describes 'y' under Args, and has no such parameter"),
        (3, "stands above a function, not above int"),
    ],
)
def test_what_cannot_be_a_key_is_refused_as_the_function_is_defined(function: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        declared(function)


def test_a_function_that_takes_nothing_in_is_refused() -> None:
    def write() -> None:
        """Write."""

    with pytest.raises(TypeError, match="expected a first parameter for the records"):
        Parameters(write, "sink", given=1)


def test_a_word_of_pythons_with_a_line_behind_it_is_the_key_of_that_word() -> None:
    def taking(from_: int, class_: str = "c", is_: bool = True) -> None: ...

    parameters = Parameters(taking, "source")
    config_class = parameters.config_class()
    assert list(config_class.keys()) == ["from", "class", "is"]
    assert parameters.arguments(config_class.parse({"from": "3"})) == {"from_": 3, "class_": "c", "is_": True}


@pytest.mark.parametrize(
    ("form", "name", "key"),
    [
        ("source", "tasks_max", "tasks.max"),
        ("source", "name", "name"),
        ("source", "transforms", "transforms"),
        ("source", "topic_creation_default_partitions", "topic.creation.default.partitions"),
        ("sink", "topics", "topics"),
        ("sink", "consumer_override_group_id", "consumer.override.group.id"),
        ("transform", "predicate", "predicate"),
        ("transform", "type_", "type"),
    ],
)
def test_a_key_that_the_runtime_reads_itself_is_refused_with_what_to_write(form: str, name: str, key: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def read({name}: str) -> None: ...", namespace)
    with pytest.raises(TypeError, match=rf"read has {key} as a key, .* write another name: own_") as raised:
        Parameters(namespace["read"], form).config_class()
    assert ("context.connector" in str(raised.value)) is (key == "name")


def test_a_key_of_the_runtime_is_refused_under_another_parameters_name_too() -> None:
    def read(most: int = config_key("At most.", default=1, name="tasks.max")) -> None:
        """Read."""

    with pytest.raises(TypeError, match=r"has tasks\.max as a key"):
        declared(read)


def test_the_runtimes_keys_are_refused_only_where_it_reads_them() -> None:
    def read(topics: list[str], negate: bool, predicate: str, tasks: int = 1) -> None:
        """Read."""

    assert set(declared(read).keys()) == {"topics", "negate", "predicate", "tasks"}
