"""What a registry holds: schemas as texts, under subjects, in versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

AVRO, PROTOBUF, JSON = "AVRO", "PROTOBUF", "JSON"
#: In the place of an id where a registry gives none with a GUID.
NO_ID: Final = -1


@dataclass(frozen=True, slots=True)
class Reference:
    """That a schema uses another: by this name, which stands in that version of that subject.

    Attributes:
        version: A number in Confluent's registry; in Apicurio's any text, such as '1.0.0'.
        group: Of Apicurio's: where the subject is; None is the group that a converter was given.
    """

    name: str
    subject: str
    version: int | str
    group: str | None = None


@dataclass(frozen=True, slots=True)
class SchemaText:
    """A schema as a registry keeps it. Equal ones hash alike.

    Args:
        text: In the words of its format.
        type: 'AVRO', 'PROTOBUF' or 'JSON'.
    """

    text: str
    type: str = AVRO
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """What the registry asks of who reads or writes records of a schema.

    Attributes:
        type: What carries it out: 'ENCRYPT', 'CEL' and the like.
        mode: When: 'WRITE', 'READ', 'WRITEREAD', or between versions 'UPGRADE', 'DOWNGRADE', 'UPDOWN'.
    """

    name: str
    type: str
    mode: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A schema with its place in a registry.

    Attributes:
        id: Of all subjects of the registry; equal schemas have one.
        subject, version: None where it was asked for by its id.
    """

    id: int
    schema: SchemaText
    subject: str | None = None
    version: int | None = None
    guid: str | None = None
    rules: tuple[Rule, ...] = ()
