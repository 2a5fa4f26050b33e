"""Apicurio's AvroConverter: the same Avro, by the keys, ids and API of Apicurio's registry.

Source: Apicurio Registry 2.6's documentation, "Configuring Kafka serializers/deserializers in Java clients"; its
SerdeConfig, SchemaResolverConfig and DefaultIdHandler.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from connect.api import Config, DataError, Problem, Secret, config_key
from connect_schemas import id_headers as ids
from connect_schemas import subjects
from connect_schemas.avro.converter import AvroConverter, AvroConverterConfig
from connect_schemas.errors import WIRE_FORMAT
from connect_schemas.registry.model import Registered
from connect_schemas.registry.settings import ApicurioSettings, ClientSettings, may_have_secret

_PREFIX: Final = "apicurio.registry."
#: An id in a header.
_LONG: Final = struct.Struct(">Q")
_BINARY: Final = b"BINARY"
_TOPIC: Final = next(iter(subjects.APICURIO))
#: How long an id is, by the class that reads and writes it.
_ID_HANDLERS: Final = {
    "io.apicurio.registry.serde.DefaultIdHandler": 8,
    "io.apicurio.registry.serde.Legacy4ByteIdHandler": 4,
    "io.apicurio.registry.serde.Default4ByteIdHandler": 4,
}


class ApicurioAvroConverterConfig(Config):
    """Which registry of Apicurio's, and how its schemas become Connect's."""

    converter_type: str | None = config_key(
        "Whether keys, values or headers are converted; set by the runtime.",
        default=None,
        importance="low",
        one_of=("key", "value", "header"),
    )
    url: str = config_key(
        "Address of the registry's API, such as `http://HOST:8080/apis/registry/v2`; several with commas between them.",
        name=_PREFIX + "url",
        importance="high",
    )
    auto_register: bool = config_key(
        "Whether a schema that the registry does not have is registered.",
        name=_PREFIX + "auto-register",
        default=False,
        importance="high",
    )
    find_latest: bool = config_key(
        "Without auto-register: whether records are written with the latest version of the artifact.",
        name=_PREFIX + "find-latest",
        default=False,
        importance="medium",
    )
    group_id: str = config_key(
        "Group of the artifacts.", name=_PREFIX + "artifact.group-id", default="default", importance="medium"
    )
    artifact_id: str | None = config_key(
        "Id of the artifact; left out, artifact-resolver-strategy says it.",
        name=_PREFIX + "artifact.artifact-id",
        default=None,
        importance="medium",
    )
    resolver_strategy: str = config_key(
        "Class that names the artifact of a record's schema.",
        name=_PREFIX + "artifact-resolver-strategy",
        default=_TOPIC,
        type="CLASS",
        one_of=tuple(subjects.APICURIO),
        importance="medium",
    )
    use_id: str = config_key(
        "Which id stands in records: globalId or contentId.",
        name=_PREFIX + "use-id",
        default="globalId",
        one_of=("globalId", "contentId"),
        importance="medium",
    )
    id_handler: str = config_key(
        "Class that says how long an id is: 8 bytes, or 4.",
        name=_PREFIX + "id-handler",
        default="io.apicurio.registry.serde.DefaultIdHandler",
        type="CLASS",
        one_of=tuple(_ID_HANDLERS),
        importance="medium",
    )
    as_confluent: bool = config_key(
        "Whether ids have 4 bytes, as Confluent's, whatever id-handler says.",
        name=_PREFIX + "as-confluent",
        default=False,
        importance="medium",
    )
    headers_enabled: bool = config_key(
        "Whether ids are written into headers `apicurio.key.*` and `apicurio.value.*`, in the place of the front of a "
        "record, and looked for there first.",
        name=_PREFIX + "headers.enabled",
        default=True,
        importance="medium",
    )
    check_period_ms: int = config_key(
        "How long the latest version of an artifact is not asked for again.",
        name=_PREFIX + "check-period-ms",
        default=30000,
        ge=0,
        importance="low",
    )
    retry_count: int = config_key(
        "How often all addresses are asked anew where none answers.",
        name=_PREFIX + "retry-count",
        default=3,
        ge=0,
        importance="low",
    )
    retry_backoff_ms: int = config_key(
        "The wait in front of the first of them; each further one may be twice as long.",
        name=_PREFIX + "retry-backoff-ms",
        default=300,
        ge=0,
        importance="low",
    )
    auth_username: str | None = config_key(
        "User of basic auth.", name="apicurio.auth.username", default=None, importance="medium"
    )
    auth_password: Secret | None = config_key(
        "Password of basic auth.", name="apicurio.auth.password", default=None, importance="medium"
    )
    auth_token_endpoint: str | None = config_key(
        "Address that gives tokens by the client's id and secret, `https://`; `http://` on this machine alone.",
        name="apicurio.auth.service.token.endpoint",
        default=None,
        importance="medium",
    )
    auth_service_url: str | None = config_key(
        "In its place: address of a Keycloak, whose realm is apicurio.auth.realm.",
        name="apicurio.auth.service.url",
        default=None,
        importance="medium",
    )
    auth_realm: str | None = config_key(
        "Realm of the Keycloak.", name="apicurio.auth.realm", default=None, importance="medium"
    )
    auth_client_id: str | None = config_key(
        "With one of these: id of the client.", name="apicurio.auth.client.id", default=None, importance="medium"
    )
    auth_client_secret: Secret | None = config_key(
        "Secret of the client.", name="apicurio.auth.client.secret", default=None, importance="medium"
    )
    auth_client_scope: str | None = config_key(
        "Scope that is asked for.", name="apicurio.auth.client.scope", default=None, importance="low"
    )
    enhanced_avro_schema_support: bool = config_key(
        "Whether enums stay enums, and the fields of a union have the full names of its records.",
        default=False,
        importance="medium",
    )
    connect_meta_data: bool = config_key(
        "Whether what Avro has no word for (versions, parameters, docs, names) is kept as properties of the schema.",
        default=True,
        importance="low",
    )
    schemas_cache_config: int = config_key(
        "How many converted schemas are remembered, each way.", default=1000, ge=1, importance="low"
    )

    def problems(self) -> Iterable[Problem]:
        for url in self.url.split(","):
            path = url.strip().rstrip("/")
            if not path.startswith(("http://", "https://")) or path.endswith(("/v1", "/v3")):
                yield Problem(
                    f"{_PREFIX}url",
                    f"Invalid value for configuration {_PREFIX}url: http://HOST:PORT/apis/registry/v2 is expected, "
                    "which version 3 of the registry answers too",
                )
        if self.auth_password and not self.auth_username:
            yield Problem("apicurio.auth.username", "apicurio.auth.password needs apicurio.auth.username")
        yield from self._token_problems()

    def _token_problems(self) -> Iterable[Problem]:
        if self.auth_service_url and not self.auth_token_endpoint and not self.auth_realm:
            yield Problem("apicurio.auth.realm", "apicurio.auth.service.url needs apicurio.auth.realm")
        endpoint, name = self._token_endpoint()
        if not endpoint:
            return
        for key, value in (
            ("apicurio.auth.client.id", self.auth_client_id),
            ("apicurio.auth.client.secret", self.auth_client_secret),
        ):
            if not value:
                yield Problem(key, f"{name} needs {key}")
        if self.auth_username:
            yield Problem("apicurio.auth.username", f"Only one of {name} and apicurio.auth.username may be specified")
        if not may_have_secret(endpoint):
            yield Problem(
                name,
                f"Invalid value for configuration {name}: https://HOST/PATH is expected, since the client's secret is "
                "sent to it; http:// on this machine alone",
            )

    def _token_endpoint(self) -> tuple[str, str]:
        """Return the address that gives tokens, and the key that says so; '' for none."""
        if self.auth_token_endpoint:
            return self.auth_token_endpoint, "apicurio.auth.service.token.endpoint"
        if self.auth_service_url and self.auth_realm:
            path = f"/realms/{quote(self.auth_realm, safe='')}/protocol/openid-connect/token"
            return self.auth_service_url.rstrip("/") + path, "apicurio.auth.service.url"
        return "", ""

    def _tokens(self) -> dict[str, str]:
        """Return Confluent's keys of the tokens."""
        endpoint, _ = self._token_endpoint()
        if not endpoint or not self.auth_client_id or not self.auth_client_secret:
            return {}
        return {
            "bearer.auth.credentials.source": "OAUTHBEARER",
            "bearer.auth.issuer.endpoint.url": endpoint,
            "bearer.auth.client.id": self.auth_client_id,
            "bearer.auth.client.secret": self.auth_client_secret.get_secret_value(),
            "bearer.auth.scope": self.auth_client_scope or "",
        }

    def confluents(self) -> AvroConverterConfig:
        """Return the same in Confluent's keys.

        Raises:
            ConfigError: An address is none.
        """
        user = self.auth_username
        password = self.auth_password.get_secret_value() if self.auth_password else ""
        return AvroConverterConfig.parse(
            {
                "schema.registry.url": self.url,
                "auto.register.schemas": self.auto_register,
                "use.latest.version": self.find_latest,
                "latest.compatibility.strict": False,
                "key.subject.name.strategy": self.resolver_strategy,
                "value.subject.name.strategy": self.resolver_strategy,
                "latest.cache.ttl.sec": self.check_period_ms // 1000,
                "max.retries": self.retry_count,
                "retries.wait.ms": self.retry_backoff_ms,
                "enhanced.avro.schema.support": self.enhanced_avro_schema_support,
                "connect.meta.data": self.connect_meta_data,
                "schemas.cache.config": self.schemas_cache_config,
                # Its AvroData has no switch for it, and keeps them.
                "flatten.singleton.unions": False,
                **({"basic.auth.user.info": f"{user}:{password}"} if user else {}),
                **self._tokens(),
            }
        )


def _wrong(why: str) -> DataError:
    return DataError(why, code=WIRE_FORMAT)


class ApicurioAvroConverter(AvroConverter):
    """Writes and reads Avro as Apicurio's converter does: ids in headers or of 8 bytes, in Apicurio's registry."""

    class_name = "io.apicurio.registry.utils.converter.AvroConverter"
    config_class = ApicurioAvroConverterConfig
    raw_bytes = False

    def configure(self, config: Config) -> None:
        assert isinstance(config, ApicurioAvroConverterConfig), "it was parsed by the class"
        self._own = config
        super().configure(config.confluents())

    def client_settings(self) -> ClientSettings:
        own = ApicurioSettings(self._own.group_id, f"{self._own.use_id}s")
        return dataclasses.replace(super().client_settings(), apicurio=own)

    def id_bytes(self) -> int:
        return 4 if self._own.as_confluent else _ID_HANDLERS[self._own.id_handler]

    def subject(self, topic: str, record: str | None) -> str:
        return self._own.artifact_id or super().subject(topic, record)

    def id_headers(self, written: Registered, rest: bytes) -> list[tuple[str, bytes]] | None:
        if not self._own.headers_enabled:
            return None
        return [(self._header(self._own.use_id), _LONG.pack(written.id)), (self._header("encoding"), _BINARY)]

    def id_header_names(self) -> frozenset[str]:
        return frozenset(map(self._header, ("globalId", "contentId")) if self._own.headers_enabled else ())

    def head_in(self, pairs: ids.Pairs) -> bytes | None:
        found = ids.last(pairs, self._header(self._own.use_id))
        if found is None:
            other = "contentId" if self._own.use_id == "globalId" else "globalId"
            if ids.last(pairs, self._header(other)) is not None:
                raise _wrong(f"its headers have the {other} of a schema, and {_PREFIX}use-id is {self._own.use_id}")
            return None
        if len(found) != _LONG.size:
            raise _wrong(f"header {self._header(self._own.use_id)} has {len(found)} bytes, where an id has 8")
        encoding = ids.last(pairs, self._header("encoding"))
        if encoding not in (None, _BINARY):
            raise _wrong(f"header {self._header('encoding')} is {encoding!r}, and BINARY is the one that is read")
        number: int = _LONG.unpack(found)[0]
        if number >= 1 << 8 * self.id_bytes():
            raise _wrong(f"the id of its schema is {number}, which {self.id_bytes()} bytes do not hold")
        return self._framing.head(number)

    def _header(self, name: str) -> str:
        return f"apicurio.{'key' if self.is_key else 'value'}.{name}"

    def wanted(self, written: Registered, topic: str, record: str | None) -> Registered | None:
        return None  # find-latest is its serializer's alone

    def version_of(self, written: Registered, topic: str, record: str | None) -> int | None:
        return None
