"""The keys that the converters of all formats have, by Confluent's names and with its defaults."""

from __future__ import annotations

from collections.abc import Iterable

from connect.api import Problem, config_key
from connect_schemas import id_headers, subjects
from connect_schemas.registry.settings import RegistryConfig

_STRATEGY = "Class that names the subject of the {}' schemas: " + ", ".join(
    name.rpartition(".")[2] for name in subjects.NAMES
)


class SchemaConverterConfig(RegistryConfig):
    """What is registered and looked up, and what is remembered."""

    converter_type: str | None = config_key(
        "Whether keys, values or headers are converted; set by the runtime.",
        default=None,
        importance="low",
        one_of=("key", "value", "header"),
    )
    auto_register_schemas: bool = config_key(
        "Whether a schema that the registry does not have is registered. Goes before the keys use.*.",
        default=True,
        importance="medium",
    )
    normalize_schemas: bool = config_key(
        "Whether the registry compares schemas in a normal form, where order does not matter.",
        default=False,
        importance="medium",
    )
    use_schema_id: int = config_key(
        "Without auto.register.schemas: the id of the schema that records are written with; -1: none.",
        default=-1,
        importance="low",
    )
    id_compatibility_strict: bool = config_key(
        "With use.schema.id: whether that schema must be able to read what the record's own writes.",
        default=True,
        importance="low",
    )
    use_latest_version: bool = config_key(
        "Records are read as the latest version of the subject has them, and without auto.register.schemas written "
        "with it.",
        default=False,
        importance="low",
    )
    use_latest_with_metadata: str | None = config_key(
        "As use.latest.version, with the latest version that has these properties in its metadata, such as "
        "`application.major.version=2`; several with commas between them. Goes before it.",
        default=None,
        importance="low",
    )
    latest_compatibility_strict: bool = config_key(
        "With use.latest.version or use.latest.with.metadata: whether that version must be able to read what the "
        "record's own schema writes. Looked at when writing; JSON Schema has no rule for it, and takes each.",
        default=True,
        importance="low",
    )
    key_subject_name_strategy: str = config_key(
        _STRATEGY.format("keys") + ".",
        default=subjects.DEFAULT,
        type="CLASS",
        validators=(subjects.check,),
        importance="medium",
    )
    value_subject_name_strategy: str = config_key(
        _STRATEGY.format("values") + ".",
        default=subjects.DEFAULT,
        type="CLASS",
        validators=(subjects.check,),
        importance="medium",
    )
    key_schema_id_serializer: str = config_key(
        "Where the schema of a key is named: in front of it by id, or by GUID in header `__key_schema_id`.",
        default=id_headers.SERIALIZERS[0],
        type="CLASS",
        one_of=id_headers.SERIALIZERS,
        importance="medium",
    )
    value_schema_id_serializer: str = config_key(
        "Where the schema of a value is named: in front of it by id, or by GUID in header `__value_schema_id`.",
        default=id_headers.SERIALIZERS[0],
        type="CLASS",
        one_of=id_headers.SERIALIZERS,
        importance="medium",
    )
    key_schema_id_deserializer: str = config_key(
        "Where the schema of a key is looked for: in the header and then in front of it, or there alone.",
        default=id_headers.DESERIALIZERS[0],
        type="CLASS",
        one_of=id_headers.DESERIALIZERS,
        importance="medium",
    )
    value_schema_id_deserializer: str = config_key(
        "Where the schema of a value is looked for: in the header and then in front of it, or there alone.",
        default=id_headers.DESERIALIZERS[0],
        type="CLASS",
        one_of=id_headers.DESERIALIZERS,
        importance="medium",
    )
    schemas_cache_config: int = config_key(
        "How many converted schemas are remembered, each way.",
        formerly=("schemas.cache.size",),
        default=1000,
        ge=1,
        importance="low",
    )

    def problems(self) -> Iterable[Problem]:
        yield from super().problems()
        if self.use_latest_with_metadata and not self.latest_metadata():
            yield Problem(
                "use.latest.with.metadata",
                f"Invalid value {self.use_latest_with_metadata} for configuration use.latest.with.metadata: "
                "NAME=VALUE is expected, several with commas between them",
            )

    def latest_metadata(self) -> dict[str, str]:
        """Return what `use.latest.with.metadata` asks for; {} for nothing, and where it is no list of pairs."""
        found: dict[str, str] = {}
        for pair in (self.use_latest_with_metadata or "").split(","):
            name, equals, value = (part.strip() for part in pair.partition("="))
            if not name or not equals:
                return {}
            found[name] = value
        return found
