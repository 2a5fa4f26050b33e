"""YAML as people keep configs in it: Strimzi's resources, compose files, connectors.

What is read is data alone: no tags that make objects, and the words of YAML 1.2. `no`, `on` and dates are text, as
whoever wrote `topics: no` means it. A key that stands twice is refused, and so are documents of many aliases, which are
small to write and large to read.

Source: YAML 1.2.2, chapter 10.3, core schema; PyYAML reads 1.1 by itself.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any, Final

import yaml

from connect.api import ConfigError

#: Aliases of a text, and values of a document with its aliases written out.
ALIASES_MAX: Final = 1000
_SIZE_MAX: Final = 100_000
#: Brackets within brackets. Far below what fills the stack: the time that PyYAML takes grows with the square of it.
_NESTED_MAX: Final = 64
_UNREADABLE: Final = "config.unreadable"
_RESOLVERS: Final = (
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("tag:yaml.org,2002:float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+0123456789.")),
    ("tag:yaml.org,2002:merge", r"<<", ["<"]),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way; its own are not inherited

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self._aliases += 1
            if self._aliases > ALIASES_MAX:
                mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
                raise yaml.MarkedYAMLError(problem=f"more than {ALIASES_MAX} aliases", problem_mark=mark)
        return super().compose_node(parent, index)

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:  # noqa: N803 - PyYAML's own name
        if self.flow_level >= _NESTED_MAX:
            mark = self.get_mark()
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {_NESTED_MAX}", problem_mark=mark)
        super().fetch_flow_collection_start(TokenClass)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:merge" and isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(problem=f"{key.value} is given twice", problem_mark=key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), _first)


#: Longer than any number that means one.
_DIGITS_MAX: Final = 300


def _number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int | float | str:
    """Return a number, but the text where the number would be written otherwise: values of configs are texts, and
    `password: 0123` or `version: 1.10` mean what stands there."""
    text = str(node.value)
    if len(text) > _DIGITS_MAX:
        return text
    number = int(text) if node.tag.endswith(":int") else float(text)
    return number if repr(number) == text else text


_Loader.add_constructor("tag:yaml.org,2002:int", _number)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def parse_yaml(text: str, where: str) -> list[Any]:
    """Return the documents of a YAML text, without empty ones. Names of keys are texts.

    Args:
        where: Names the text in the error.

    Raises:
        ConfigError: config.unreadable; names the line.
    """
    found = []
    try:
        for document in yaml.load_all(text, _Loader):
            if document is not None:
                found.append(_Plain().of(document))
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
        line = "" if mark is None else f"line {mark.line + 1}: "
        raise ConfigError(f"{where} is no YAML that can be read: {line}{problem}", code=_UNREADABLE) from None
    except (RecursionError, ValueError) as error:
        raise ConfigError(f"{where} is no YAML that can be read: {error}", code=_UNREADABLE) from None
    return found


class _Plain:
    """Makes of a document what JSON could say: `8083: x` has a key that is a number. What has aliases stays shared."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, int]] = {}
        self._under_way: set[int] = set()

    def of(self, value: Any) -> Any:
        """Return the value.

        Raises:
            ValueError: It holds itself, or is too large once its aliases are written out.
        """
        found, size = self._of(value)
        if size > _SIZE_MAX:
            raise ValueError(f"it has more than {_SIZE_MAX:,} values, with its aliases written out")
        return found

    def _of(self, value: Any) -> tuple[Any, int]:
        if not isinstance(value, dict | list):
            return value, 1
        if id(value) in self._made:
            return self._made[id(value)]
        if id(value) in self._under_way:
            raise ValueError("a value holds itself")
        self._under_way.add(id(value))
        if isinstance(value, dict):
            pairs = {_text(key): self._of(each) for key, each in value.items()}
            made: Any = {key: each for key, (each, _) in pairs.items()}
            size = 1 + sum(size for _, size in pairs.values())
        else:
            items = [self._of(each) for each in value]
            made, size = [each for each, _ in items], 1 + sum(size for _, size in items)
        self._under_way.discard(id(value))
        self._made[id(value)] = made, size
        return made, size


def _text(key: Any) -> str:
    if isinstance(key, str):
        return key
    return str(key).lower() if isinstance(key, bool) else "" if key is None else str(key)
