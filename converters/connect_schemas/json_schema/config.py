"""The keys of `JsonSchemaConverter`, by Confluent's names and with its defaults."""

from __future__ import annotations

from connect.api import config_key
from connect_schemas.config import SchemaConverterConfig
from connect_schemas.json_schema.documents import DEFAULT_DIALECT, DIALECTS
from connect_schemas.json_schema.options import Options


class JsonSchemaConverterConfig(SchemaConverterConfig):
    """How schemas and values become JSON Schema and JSON, and back."""

    decimal_format: str = config_key(
        "NUMERIC: decimals as numbers; BASE64: as the bytes of the unscaled value.",
        default="BASE64",
        one_of=("BASE64", "NUMERIC"),
        ignore_case=True,
        importance="low",
    )
    object_additional_properties: bool = config_key(
        "Whether the schemas of structs allow properties that are none of their fields.",
        default=True,
        importance="medium",
    )
    use_optional_for_nonrequired: bool = config_key(
        "Whether properties that a schema does not require become optional fields.",
        default=False,
        importance="medium",
    )
    generalized_sum_type_support: bool = config_key(
        "Whether unions and enums are named as in the other formats, so that they can be written by their converters.",
        default=False,
        importance="medium",
    )
    flatten_singleton_unions: bool = config_key(
        "Whether a oneOf or anyOf of one type is that type.", default=True, importance="low"
    )
    ignore_default_for_nullables: bool = config_key(
        "Whether null stays null where the field has a default.", default=False, importance="medium"
    )
    replace_null_with_default: bool = config_key(
        "Whether null becomes the field's default; false is as ignore.default.for.nullables=true.",
        default=True,
        importance="low",
    )
    json_fail_invalid_schema: bool = config_key(
        "Whether a record that does not meet its JSON Schema is a bad one, both ways.",
        default=False,
        importance="medium",
    )
    json_schema_spec_version: str = config_key(
        "The dialect of schemas that have no $schema.",
        default=DEFAULT_DIALECT,
        one_of=tuple(DIALECTS),
        ignore_case=True,
        importance="medium",
    )
    json_fail_unknown_properties: bool = config_key(
        "Accepted, and says nothing here, as in Confluent's converter: properties that are no fields are left out.",
        default=True,
        importance="low",
    )
    json_write_dates_iso8601: bool = config_key(
        "Accepted, and says nothing here, as in Confluent's converter: dates, times and timestamps are numbers.",
        name="json.write.dates.iso8601",
        default=False,
        importance="low",
    )

    def options(self) -> Options:
        """Return what schemas and values are converted by."""
        return Options(
            generalized=self.generalized_sum_type_support,
            flatten=self.flatten_singleton_unions,
            optional_for_nonrequired=self.use_optional_for_nonrequired,
            additional_properties=self.object_additional_properties,
            numeric_decimals=self.decimal_format.upper() == "NUMERIC",
            nulls_to_defaults=self.replace_null_with_default and not self.ignore_default_for_nullables,
        )
