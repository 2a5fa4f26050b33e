"""The keys of ProtobufConverter, by Confluent's names and with its defaults."""

from __future__ import annotations

from connect.api import config_key
from connect_schemas.config import SchemaConverterConfig
from connect_schemas.protobuf.options import Options


class ProtobufConverterConfig(SchemaConverterConfig):
    """How schemas and values are turned into each other."""

    refused_keys = (
        ("skip.known.types", ("true",), "google/protobuf/*.proto are registered nowhere; true is expected"),
        ("reference.lookup.only", ("false",), "what is registered has no references; leave it out"),
        (
            "reference.subject.name.strategy",
            ("io.confluent.kafka.serializers.subject.DefaultReferenceSubjectNameStrategy",),
            "what is registered has no references; leave it out",
        ),
    )

    enhanced_protobuf_schema_support: bool = config_key(
        "Whether names of schemas keep their package.", default=False, importance="medium"
    )
    scrub_invalid_names: bool = config_key(
        "Whether characters that Protobuf does not take in names are replaced.", default=False, importance="medium"
    )
    generalized_sum_type_support: bool = config_key(
        "Whether unions and enums are marked in the way that is the same for all formats.",
        default=False,
        importance="medium",
    )
    ignore_default_for_nullables: bool = config_key(
        "Whether a null of a field with a default stays one, in place of the default.",
        default=False,
        importance="medium",
    )
    int_for_enums: bool = config_key(
        "Whether enums are read as their numbers, in place of their names.", default=False, importance="medium"
    )
    optional_for_nullables: bool = config_key(
        "Whether optional fields are `optional` in Protobuf, and only those are optional that are so there.",
        default=False,
        importance="medium",
    )
    optional_for_proto2: bool = config_key(
        "Whether an `optional` field of proto2 that is not set is read as null, in place of its default.",
        default=True,
        importance="medium",
    )
    wrapper_for_nullables: bool = config_key(
        "Whether optional fields of simple types are messages around a value, such as google.protobuf.StringValue.",
        default=False,
        importance="medium",
    )
    wrapper_for_raw_primitives: bool = config_key(
        "Whether a record that is such a message is read as its value.", default=True, importance="medium"
    )
    generate_struct_for_nulls: bool = config_key(
        "Whether a message that is not set is read as a struct of defaults, in place of null.",
        default=False,
        importance="medium",
    )
    generate_index_for_unions: bool = config_key(
        "Whether the field of a oneof has the oneof's index behind its name.", default=True, importance="low"
    )
    flatten_unions: bool = config_key(
        "Whether the members of a oneof are fields of the message itself, in place of a struct of their own.",
        default=False,
        importance="low",
    )

    def options(self) -> Options:
        """Return the switches."""
        return Options(
            enhanced=self.enhanced_protobuf_schema_support,
            scrub=self.scrub_invalid_names,
            generalized=self.generalized_sum_type_support,
            int_for_enums=self.int_for_enums,
            optional=self.optional_for_nullables,
            proto2_optional=self.optional_for_proto2,
            wrapper=self.wrapper_for_nullables,
            raw_wrapper=self.wrapper_for_raw_primitives,
            struct_for_nulls=self.generate_struct_for_nulls,
            union_index=self.generate_index_for_unions,
            flatten=self.flatten_unions,
            ignore_defaults=self.ignore_default_for_nullables,
        )
