"""Field names and paths: V1 takes the text as one name, V2 as a path with dots (KIP-821).

Source: Kafka 4.3.1, SingleFieldPath.java.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from connect.api import ConfigError, Problem, Schema, config_key
from connect_transforms.fields.columns import require_map

BACKTICK: Final = "`"
PURPOSE: Final = "nested field access"
SYNTAX: Final = "V1: the name of a field; V2: a path, with dots between names and backticks around names with dots."


def syntax_version_key(*, kafkas: bool = False) -> Any:
    """Declare `field.syntax.version`, Kafka's in ExtractField, ours in every other transform that names fields: there
    REST shows it only where a config gives it, behind Kafka's keys, so that its answers are Kafka's."""
    return config_key(
        SYNTAX,
        default="V1",
        importance="high",
        order=-1 if kafkas else 1,
        internal=not kafkas,
        one_of=("V1", "V2"),
        ignore_case=True,
    )


def paths_of(texts: Iterable[str], version: str) -> list[FieldPath]:
    """Return the paths of a list of fields, each once."""
    return [FieldPath(text, version) for text in dict.fromkeys(texts)]


def path_problems(name: str, texts: Iterable[str], version: str) -> Iterator[Problem]:
    """Yield what is wrong with the paths that a config key gives."""
    for text in texts:
        try:
            FieldPath(text, version)
        except ConfigError as error:
            yield Problem(name, error.message)


class FieldPath:
    """A path to a field; one step in V1, and none in V2 for an empty text."""

    def __init__(self, text: str, version: str = "V1") -> None:
        self.text = text
        self.steps = (text,) if version.upper() == "V1" else _steps(text)

    def value_in(self, value: dict[Any, Any]) -> Any:
        """Return what lies at the path in a schemaless object, None where it ends early.

        Raises:
            DataError: What lies on the way is no object.
        """
        current: Any = value
        for step in self.steps[:-1]:
            current = current.get(step)
            if current is None:
                return None
            require_map(current, PURPOSE)
        return current.get(self.steps[-1])

    def field_in(self, value: dict[str, Any], schema: Schema, *, nulls_to_defaults: bool) -> Any:
        """Return what lies at the path in a struct; a null at its end is the default, where that is wanted."""
        current: Any = value
        for step in self.steps[:-1]:
            current = current.get(step)
            if current is None:
                return None
        found = current.get(self.steps[-1])
        return schema.default if found is None and nulls_to_defaults else found

    def schema_in(self, schema: Schema) -> Schema | None:
        """Return the schema at the path, None where there is none.

        Raises:
            SchemaError: What lies on the way is no struct.
        """
        if not self.steps:
            return None
        found = schema
        for step in self.steps:
            field = found.field(step)
            if field is None:
                return None
            found = field.schema
        return found


def _steps(text: str) -> tuple[str, ...]:
    """Split at dots; a name in backticks may hold dots, and \\` stands for a backtick that is meant before a dot."""
    steps: list[str] = []
    index = 0
    while index < len(text):
        if text[index] == BACKTICK:
            name, index = _backticked(text, index)
        else:
            end = text.find(".", index)
            end = len(text) if end < 0 else end
            name, index = text[index:end], end + 1
        steps.append(name)
    if text.endswith("."):
        steps.append("")
    return tuple(steps)


def _backticked(text: str, opening: int) -> tuple[str, int]:
    """Return the name that begins behind a backtick, and where the next step begins."""
    name = ""
    start = index = opening + 1
    while (index := text.find(BACKTICK, index)) >= 0:
        escaped = text[index - 1] == "\\"
        at_end = index == len(text) - 1
        if at_end and escaped:
            break
        if at_end or (text[index + 1] == "." and not escaped):
            return name + text[start:index], index + 2 - at_end
        if escaped and text[index + 1] == ".":
            name += text[start : index - 1] + BACKTICK
            start = index + 1
        index += 1
    raise ConfigError(
        f"Incomplete backtick pair in path: [{text}], "
        f"consider adding a backslash before backtick at position {opening} to escape it",
        config_path="field",
    )
