"""Unions and enums by the names that all formats share, where `generalized.sum.type.support` is on.

Source: Confluent's AbstractDataConfig and its three Data classes (schema-registry 8.4).

Elsewhere: the names that each format has without it (`options` of each).
"""

from __future__ import annotations

from typing import Final

from connect.api import Schema

#: The parameter of a struct that stands for a union: what the union is called.
GENERAL_UNION: Final = "org.apache.kafka.connect.data.Union"
#: The parameter of a string that is one of an enum's, and what the parameters of its texts begin with.
GENERAL_ENUM: Final = "org.apache.kafka.connect.data.Enum"
#: What a union without a name is called, with its number, and its fields, with theirs.
GENERAL_UNION_PREFIX: Final = "connect_union_"
GENERAL_FIELD_PREFIX: Final = "connect_union_field_"


def is_general_union(schema: Schema) -> bool:
    """Whether a struct stands for a union: one field for each of its types."""
    return GENERAL_UNION in (schema.parameters or {})
