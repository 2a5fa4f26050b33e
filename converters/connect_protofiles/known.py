"""The files that every schema may import, without anybody who refers to them.

Google's own come with their packages; Confluent's are written out here, since no package has them without its client.

Source: Confluent's documentation, "Protobuf Schema Serializer and Deserializer", known types.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any, Final

from google.protobuf import descriptor_pb2 as pb
from google.protobuf import descriptor_pool, message_factory

from connect_protofiles.parsing import parsed

META: Final = "confluent/meta.proto"
META_NUMBER: Final = 1088
DECIMAL: Final = "confluent/type/decimal.proto"

_GOOGLE: Final = frozenset(
    {f"google/protobuf/{name}.proto" for name in (
        "any", "api", "descriptor", "duration", "empty", "field_mask", "source_context", "struct", "timestamp", "type",
        "wrappers",
    )}
    | {f"google/type/{name}.proto" for name in (
        "calendar_period", "color", "date", "datetime", "dayofweek", "decimal", "expr", "fraction", "interval",
        "latlng", "localized_text", "money", "month", "phone_number", "postal_address", "quaternion", "timeofday",
    )}
)  # fmt: skip

_TEXTS: Final = {
    META: """
        syntax = "proto3";
        package confluent;
        import "google/protobuf/descriptor.proto";
        option java_package = "io.confluent.protobuf";
        option java_outer_classname = "MetaProto";
        message Meta {
          string doc = 1;
          map<string, string> params = 2;
          repeated string tags = 3;
          repeated Rule rules = 4;
        }
        message Rule { string name = 1; string doc = 2; string expr = 3; string sql = 4; }
        extend google.protobuf.FileOptions { Meta file_meta = 1088; }
        extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
        extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
        extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
        extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }
    """,
    DECIMAL: """
        syntax = "proto3";
        package confluent.type;
        option java_package = "io.confluent.protobuf.type";
        option java_outer_classname = "DecimalProto";
        option java_multiple_files = true;
        message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }
    """,
    "confluent/type/variant.proto": """
        syntax = "proto3";
        package confluent.type;
        option java_package = "io.confluent.protobuf.type";
        option java_outer_classname = "VariantProto";
        option java_multiple_files = true;
        message Variant { bytes metadata = 1; bytes value = 2; }
    """,
}
NAMES: Final = _GOOGLE | _TEXTS.keys()


@cache
def known(name: str) -> pb.FileDescriptorProto | None:
    """Return a known file; None where there is none of the name. It is shared: whoever changes it makes a copy."""
    if name in _TEXTS:
        return parsed(_TEXTS[name], name)
    if name not in _GOOGLE:
        return None
    try:
        module = importlib.import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2")
    except ModuleNotFoundError:  # a version of Google's package that does not have it yet
        return None
    return pb.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)


@cache
def meta_class() -> Any:
    """Return the class of `confluent.Meta`."""
    pool = descriptor_pool.DescriptorPool()
    for name in ("google/protobuf/descriptor.proto", META):
        file = known(name)
        assert file is not None
        pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("confluent.Meta"))
