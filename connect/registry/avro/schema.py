"""An Avro schema as the registry holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from connect.registry.avro.compatibility import incompatibilities
from connect.registry.avro.model import Avro
from connect.registry.avro.parsing import parse
from connect.registry.avro.texts import canonical, normalized


class _Referred(Protocol):
    @property
    def schema(self) -> str: ...


@dataclass(frozen=True, slots=True)
class AvroSchema:
    """See `connect.registry.schemas.Parsed`."""

    root: Avro
    elsewhere: tuple[str, ...] = ()

    @property
    def canonical(self) -> str:
        return canonical(self.root, self.elsewhere)

    @property
    def inlined(self) -> str:
        return canonical(self.root)

    @property
    def normalized(self) -> str:
        return normalized(self.root, self.elsewhere)

    @property
    def serialized(self) -> None:
        return None

    def problems(self, writer: AvroSchema, *, reader_name: str, writer_name: str) -> list[str]:
        return [one.told(reader_name, writer_name) for one in incompatibilities(self.root, writer.root)]


def parse_avro(text: str, referred: Sequence[_Referred], is_new: bool) -> AvroSchema:
    """Read an Avro schema.

    Args:
        referred: The schemas that it may use the types of, each after those that it uses itself.
        is_new: Its defaults are checked.

    Raises:
        InvalidAvroError: It is none.
    """
    known: dict[str, Avro] = {}
    for one in referred:
        _, known = parse(one.schema, known, checks_defaults=False)
    root, _ = parse(text, known, checks_defaults=is_new)
    return AvroSchema(root, tuple(known))
