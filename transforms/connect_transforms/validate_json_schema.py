"""ValidateJsonSchema: records whose key or value does not meet a JSON Schema are errors.

What becomes of them is up to the connector: `errors.tolerance=all` skips them, a dead letter queue keeps them.

jsonschema is imported by the first config that needs it: it takes a third of the time that all transforms take to load.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import orjson

from connect.api import Batch, Config, ConfigError, DataError, Problem, config_key, json_schema_validator, read_file
from connect_transforms.fields.columns import ColumnTransform, KeyColumn, ValueColumn

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_SHOWN_COUNT: Final = 3
_SHOWN_CHARS: Final = 200
#: The largest schema file that is read.
SCHEMA_BYTES_MAX: Final = 1 << 20


class ValidateJsonSchemaConfig(Config):
    """The schema, and how it is read."""

    schema_text: str | None = config_key(
        "The JSON Schema itself. Give this or schema.file.", name="schema", default=None, importance="high"
    )
    schema_file: str | None = config_key(
        "Path of a file with the JSON Schema, of at most 1 MiB.", default=None, importance="high", file="read"
    )
    check_formats: bool = config_key(
        "Whether 'format' is checked (date, email, …), or is a note as the standard has it.", default=False
    )
    validate_null: bool = config_key(
        "Whether a null key or value, such as a tombstone's, has to meet the schema too.", default=False
    )

    def problems(self) -> Iterable[Problem]:
        if (self.schema_text is None) is (self.schema_file is None):
            given = "neither is" if self.schema_text is None else "both are"
            yield Problem("schema", f"one of schema and schema.file must be given; {given}")
            return
        from jsonschema.exceptions import SchemaError

        name = "schema" if self.schema_file is None else "schema.file"
        try:
            self.schema_validator()
        except ConfigError as error:
            yield Problem(name, f"Invalid value for configuration {name}: {error.message}")
        except (OSError, ValueError) as error:
            yield Problem(name, f"Invalid value for configuration {name}: {error}")
        except SchemaError as error:
            yield Problem(
                name,
                f"Invalid value for configuration {name}: the schema is none, at {error.json_path}: "
                f"{_cut(error.message)}",
            )

    def schema_validator(self) -> Validator:
        """Read the schema and return what validates by it.

        Raises:
            ConfigError: The file is not allowed, too large, or none.
            OSError: The file cannot be read.
            ValueError: It is no JSON, or holds a pattern that is none.
            jsonschema.SchemaError: It is no JSON Schema.
        """
        text = (
            read_file(self.schema_file, max_bytes=SCHEMA_BYTES_MAX)
            if self.schema_file is not None
            else self.schema_text or ""
        )
        schema = orjson.loads(text)
        if not isinstance(schema, dict):
            raise ValueError("a JSON Schema is an object")
        made: Validator = json_schema_validator(schema, check_formats=self.check_formats)
        return made


class _ValidateJsonSchema(ColumnTransform[ValidateJsonSchemaConfig]):
    def configure(self, config: Config) -> None:
        super().configure(config)
        self._validator = self.config.schema_validator()

    def apply_batch(self, batch: Batch) -> Batch:
        from referencing.exceptions import Unresolvable

        is_valid, validate_null = self._validator.is_valid, self.config.validate_null
        try:
            for value in self.column(batch)[1]:
                if (value is not None or validate_null) and not is_valid(value):
                    raise DataError(self._told(value))
        except RecursionError:
            raise DataError("the value is nested too deeply to be checked by the JSON Schema") from None
        except Unresolvable as error:
            raise DataError(f"the JSON Schema refers to {error.ref}, which is no part of it") from error
        return batch

    def _told(self, value: Any) -> str:
        errors = sorted(
            self._validator.iter_errors(value), key=lambda error: (len(error.absolute_path), error.json_path)
        )
        shown = "; ".join(f"{error.json_path}: {_cut(error.message)}" for error in errors[:_SHOWN_COUNT])
        more = f"; and {len(errors) - _SHOWN_COUNT} more" if len(errors) > _SHOWN_COUNT else ""
        return f"the record does not meet its JSON Schema: {shown}{more}"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"


class ValidateJsonSchemaKey(_ValidateJsonSchema, KeyColumn):
    """Check the key."""

    class_name = "connect.transforms.ValidateJsonSchema$Key"


class ValidateJsonSchemaValue(_ValidateJsonSchema, ValueColumn):
    """Check the value."""

    class_name = "connect.transforms.ValidateJsonSchema$Value"
