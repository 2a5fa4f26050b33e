"""The keys of a schema registry's client, as Confluent's converters have them, and what they come to.

A key of the client also counts with `schema.registry.` in front, as Confluent's does.

Source: Confluent's documentation, "Schema Registry Configuration Reference", clients; "Kafka Connect and Schema
Registry".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from connect.api import Config, Problem, Secret, config_key
from connect_schemas.registry.tls import TlsSettings, tls_problems
from connect_schemas.registry.tokens import TOKEN, TokenSettings

_PREFIX: Final = "schema.registry."
_HEADERS: Final = "request.header."
_SOURCES: Final = ("URL", "USER_INFO")
_BEARERS: Final = ("STATIC_TOKEN", "OAUTHBEARER")
_RULES: Final = (
    "rules of the registry are not carried out here, those that encrypt fields neither; "
    "leave the key out where no rule is needed, or have the records written and read elsewhere"
)
_JAVA: Final = "it is about classes of Java, which are not here; leave it out"
#: Keys that are refused: their values that change nothing, and what is said of others.
_REFUSED: Final = (
    ("rule.executors", (), _RULES),
    ("rule.actions", (), _RULES),
    ("csfle.enabled", ("false",), _RULES),
    (
        "propagate.schema.tags",
        ("false",),
        "tags of former versions are not taken over; false is expected, and tags are set in the registry",
    ),
    ("schema.format", (), "schemas are asked for and registered as texts of their format; leave it out"),
    ("schema.reflection", ("false",), _JAVA),
    (
        "context.name.strategy",
        ("io.confluent.kafka.serializers.context.NullContextNameStrategy",),
        "a context is named in the address: http://HOST:PORT/contexts/NAME",
    ),
    ("bearer.auth.custom.provider.class", (), _JAVA),
    ("ssl.engine.factory.class", (), _JAVA),
    ("ssl.cipher.suites", (), "suites are those of OpenSSL on this machine; leave it out"),
)
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t -~]*")


def client_key(documentation: str, name: str, **options: Any) -> Any:
    """Declare a key of the client, which also counts with `schema.registry.` in front."""
    return config_key(documentation, name=name, formerly=(_PREFIX + name,), **options)


def tls_key(documentation: str, name: str, **options: Any) -> Any:
    """Declare a key of TLS: with `schema.registry.` in front, as everybody writes it, and without."""
    return config_key(documentation, name=_PREFIX + name, formerly=(name,), **options)


class RegistryConfig(Config):
    """How a schema registry is reached.

    Class attributes:
        refused_keys: Further keys that would have to be heeded, and are not: their values that change nothing, and what
            is said of others.
    """

    refused_keys: ClassVar[tuple[tuple[str, tuple[str, ...], str], ...]] = ()

    schema_registry_url: list[str] = config_key(
        "Addresses of the schema registry, `http://` or `https://`; where one does not answer, the next is asked.",
        name="schema.registry.url",
        importance="high",
    )
    url_randomize: bool = client_key(
        "Whether each client begins with another of the addresses.", "url.randomize", default=False, importance="low"
    )
    basic_auth_credentials_source: str | None = client_key(
        "Where user and password come from: URL, from the address; USER_INFO, from basic.auth.user.info. "
        "Left out: from wherever they are.",
        "basic.auth.credentials.source",
        default=None,
        importance="medium",
    )
    basic_auth_user_info: Secret | None = client_key(
        "User and password, as `user:password`.", "basic.auth.user.info", default=None, importance="medium"
    )
    bearer_auth_credentials_source: str | None = client_key(
        "Where the token comes from: STATIC_TOKEN, from bearer.auth.token; OAUTHBEARER, from "
        "bearer.auth.issuer.endpoint.url, by the client's id and secret.",
        "bearer.auth.credentials.source",
        default=None,
        importance="medium",
    )
    bearer_auth_token: Secret | None = client_key(
        "A token that is sent as `Authorization: Bearer`.", "bearer.auth.token", default=None, importance="medium"
    )
    bearer_auth_issuer_endpoint_url: str | None = client_key(
        "With OAUTHBEARER: address that gives tokens, `https://`; `http://` on this machine alone.",
        "bearer.auth.issuer.endpoint.url",
        default=None,
        importance="medium",
    )
    bearer_auth_client_id: str | None = client_key(
        "With OAUTHBEARER: id of the client.", "bearer.auth.client.id", default=None, importance="medium"
    )
    bearer_auth_client_secret: Secret | None = client_key(
        "With OAUTHBEARER: secret of the client.", "bearer.auth.client.secret", default=None, importance="medium"
    )
    bearer_auth_scope: str | None = client_key(
        "With OAUTHBEARER: scope that is asked for.", "bearer.auth.scope", default=None, importance="medium"
    )
    bearer_auth_cache_expiry_buffer_seconds: int = client_key(
        "With OAUTHBEARER: how long before its end a token is replaced.",
        "bearer.auth.cache.expiry.buffer.seconds",
        default=300,
        ge=0,
        le=3600,
        type="SHORT",
        importance="low",
    )
    bearer_auth_scope_claim_name: str = client_key(
        "Accepted; no token is looked into.", "bearer.auth.scope.claim.name", default="scope", importance="low"
    )
    bearer_auth_sub_claim_name: str = client_key(
        "Accepted; no token is looked into.", "bearer.auth.sub.claim.name", default="sub", importance="low"
    )
    bearer_auth_logical_cluster: str | None = client_key(
        "With a token: the registry's cluster, sent as `target-sr-cluster`.",
        "bearer.auth.logical.cluster",
        default=None,
        importance="low",
    )
    bearer_auth_identity_pool_id: str | None = client_key(
        "With a token: the identity pool, sent as `Confluent-Identity-Pool-Id`.",
        "bearer.auth.identity.pool.id",
        default=None,
        importance="low",
    )
    proxy_host: str | None = client_key(
        "Host of a proxy that the registry is reached by.", "proxy.host", default=None, importance="low"
    )
    proxy_port: int = client_key("Port of the proxy.", "proxy.port", default=-1, le=65535, importance="low")
    http_connect_timeout_ms: int = client_key(
        "How long a connection may take to come about.", "http.connect.timeout.ms", default=60000, ge=1,
        importance="low",
    )  # fmt: skip
    http_read_timeout_ms: int = client_key(
        "How long an answer may take.", "http.read.timeout.ms", default=60000, ge=1, importance="low"
    )
    max_retries: int = client_key(
        "How often all addresses are asked anew where none answers, or each says that it cannot now.",
        "max.retries",
        default=3,
        ge=0,
        importance="low",
    )
    retries_wait_ms: int = client_key(
        "The longest wait in front of the first of them; each further one may be twice as long.",
        "retries.wait.ms",
        default=1000,
        ge=0,
        importance="low",
    )
    retries_max_wait_ms: int = client_key(
        "The longest wait in front of any.", "retries.max.wait.ms", default=20000, ge=0, importance="low"
    )
    max_schemas_per_subject: int = config_key(
        "How many schemas of a subject are remembered.", default=1000, ge=1, importance="low"
    )
    latest_cache_size: int = config_key(
        "Of how many subjects the latest version is remembered.", default=1000, ge=1, importance="low"
    )
    latest_cache_ttl_sec: int = client_key(
        "How long the latest version of a subject is not asked for again; -1: never again.",
        "latest.cache.ttl.sec",
        default=-1,
        ge=-1,
        importance="low",
    )
    missing_id_cache_ttl_sec: int = client_key(
        "How long an id that the registry does not know is not asked for again.",
        "missing.id.cache.ttl.sec",
        default=10,
        ge=0,
        importance="low",
    )
    missing_schema_cache_ttl_sec: int = client_key(
        "How long a schema, subject or version that the registry does not have is not asked for again.",
        "missing.schema.cache.ttl.sec",
        default=10,
        ge=0,
        importance="low",
    )
    missing_cache_size: int = client_key(
        "How many such are remembered.", "missing.cache.size", default=10000, ge=1, importance="low"
    )
    ssl_truststore_type: str = tls_key(
        "Form of the trust store; PEM is the one that is taken.", "ssl.truststore.type", default="PEM",
        importance="medium",
    )  # fmt: skip
    ssl_truststore_location: str = tls_key(
        "PEM file with the certificates that the registry's is checked against; left out: what the system trusts.",
        "ssl.truststore.location",
        default="",
        file="read",
        importance="high",
    )
    ssl_truststore_certificates: str = tls_key(
        "Those certificates themselves, as PEM.", "ssl.truststore.certificates", default="", importance="high"
    )
    ssl_truststore_password: Secret | None = tls_key(
        "Accepted; PEM needs none.", "ssl.truststore.password", default=None, importance="high"
    )
    ssl_protocol: str = tls_key(
        "Accepted; TLS 1.2 and 1.3 are spoken.", "ssl.protocol", default="TLSv1.3", importance="medium"
    )
    ssl_enabled_protocols: list[str] = tls_key(
        "Accepted, with TLSv1.2 or TLSv1.3 among them; these two are spoken.",
        "ssl.enabled.protocols",
        default=["TLSv1.2", "TLSv1.3"],
        importance="medium",
    )
    ssl_keystore_type: str = tls_key(
        "Form of the key store; PEM is the one that is taken.", "ssl.keystore.type", default="PEM", importance="medium"
    )
    ssl_keystore_location: str = tls_key(
        "PEM file with the certificate and private key that are shown to the registry.",
        "ssl.keystore.location",
        default="",
        file="read",
        importance="high",
    )
    ssl_keystore_certificate_chain: str = tls_key(
        "The certificate itself, as PEM.", "ssl.keystore.certificate.chain", default="", importance="high"
    )
    ssl_keystore_key: Secret | None = tls_key(
        "The private key itself, as PEM.", "ssl.keystore.key", default=None, importance="high"
    )
    ssl_key_password: Secret | None = tls_key(
        "Password of the private key.", "ssl.key.password", default=None, importance="high"
    )
    ssl_keystore_password: Secret | None = tls_key(
        "As ssl.key.password, which goes before it.", "ssl.keystore.password", default=None, importance="medium"
    )
    ssl_endpoint_identification_algorithm: str = tls_key(
        "Empty: the registry's certificate need not be for the name in its address.",
        "ssl.endpoint.identification.algorithm",
        default="https",
        importance="low",
    )

    @classmethod
    def model_reads(cls, name: str) -> bool:
        return super().model_reads(name) or name.removeprefix(_PREFIX).startswith(_HEADERS)

    def problems(self) -> Iterable[Problem]:
        yield from self._url_problems()
        yield from self._login_problems()
        yield from tls_problems(self.tls(), _PREFIX)
        yield from self._not_here()
        if not {"TLSv1.2", "TLSv1.3"} & {one.strip() for one in self.ssl_enabled_protocols}:
            name = _PREFIX + "ssl.enabled.protocols"
            yield Problem(name, f"Invalid value for configuration {name}: TLSv1.2 or TLSv1.3 is expected among them")
        for name, value in self.request_headers():
            if not _HEADER.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                yield Problem(_HEADERS + name, f"Invalid value for configuration {_HEADERS}{name}: no header of HTTP")

    def _url_problems(self) -> Iterable[Problem]:
        if not any(self.schema_registry_url):
            yield Problem("schema.registry.url", "schema.registry.url is empty: http://HOST:PORT is expected")
            return
        for url in self.schema_registry_url:
            try:
                parts = urlsplit(url)
                is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
            except ValueError:
                is_right = False
            if not is_right:
                what = "mock:// is a registry inside of Java's tests; " if url.startswith("mock:") else ""
                yield Problem(
                    "schema.registry.url",
                    f"Invalid value for configuration schema.registry.url: {what}"
                    "http://HOST:PORT or https://HOST:PORT is expected",
                )

    def _login_problems(self) -> Iterable[Problem]:
        source, bearer = self.basic_auth_credentials_source, self.bearer_auth_credentials_source
        if source and bearer:
            yield Problem(
                "bearer.auth.credentials.source",
                "Only one of basic.auth.credentials.source and bearer.auth.credentials.source may be specified",
            )
        if source and source.upper() not in _SOURCES:
            instead = (
                "give user and password in basic.auth.user.info, with USER_INFO"
                if source.upper() == "SASL_INHERIT"
                else f"one of {', '.join(_SOURCES)} is expected"
            )
            yield Problem(
                "basic.auth.credentials.source",
                f"Invalid value {source} for configuration basic.auth.credentials.source: {instead}",
            )
        if source and source.upper() == "USER_INFO" and not self.basic_auth_user_info:
            yield Problem("basic.auth.user.info", "basic.auth.credentials.source=USER_INFO needs basic.auth.user.info")
        if self.basic_auth_user_info and ":" not in self.basic_auth_user_info.get_secret_value():
            yield Problem(
                "basic.auth.user.info",
                "Invalid value [hidden] for configuration basic.auth.user.info: user:password is expected",
            )
        if bearer:
            yield from self._bearer_problems(bearer.upper())

    def _bearer_problems(self, source: str) -> Iterable[Problem]:
        name = "bearer.auth.credentials.source"
        if source not in _BEARERS:
            instead = {
                "SASL_OAUTHBEARER_INHERIT": "give the keys bearer.auth.issuer.endpoint.url, bearer.auth.client.id and "
                "bearer.auth.client.secret, with OAUTHBEARER",
                "CUSTOM": "it is a class of Java; OAUTHBEARER asks an issuer by the client's id and secret",
            }.get(source, f"one of {', '.join(_BEARERS)} is expected")
            yield Problem(name, f"Invalid value {source} for configuration {name}: {instead}")
        if source == "STATIC_TOKEN" and not self.bearer_auth_token:
            yield Problem("bearer.auth.token", f"{name}=STATIC_TOKEN needs bearer.auth.token")
        elif source == "STATIC_TOKEN" and not TOKEN.fullmatch(self._static_token()):
            yield Problem(
                "bearer.auth.token",
                "Invalid value [hidden] for configuration bearer.auth.token: visible characters of ASCII are expected",
            )
        for key, sent in (
            ("bearer.auth.logical.cluster", self.bearer_auth_logical_cluster),
            ("bearer.auth.identity.pool.id", self.bearer_auth_identity_pool_id),
        ):
            if sent and not _HEADER_VALUE.fullmatch(sent):
                yield Problem(key, f"Invalid value for configuration {key}: it is sent as a header of HTTP")
        if source != "OAUTHBEARER":
            return
        for key, value in (
            ("bearer.auth.issuer.endpoint.url", self.bearer_auth_issuer_endpoint_url),
            ("bearer.auth.client.id", self.bearer_auth_client_id),
            ("bearer.auth.client.secret", self.bearer_auth_client_secret),
        ):
            if not value:
                yield Problem(key, f"{name}=OAUTHBEARER needs {key}")
        if self.bearer_auth_issuer_endpoint_url and not may_have_secret(self.bearer_auth_issuer_endpoint_url):
            yield Problem(
                "bearer.auth.issuer.endpoint.url",
                "Invalid value for configuration bearer.auth.issuer.endpoint.url: https://HOST/PATH is expected, since "
                "the client's secret is sent to it; http:// on this machine alone",
            )

    def _not_here(self) -> Iterable[Problem]:
        """Keys of Confluent's clients that would have to be heeded, and are not."""
        for key, harmless, instead in (*_REFUSED, *self.refused_keys):
            for name in (key, _PREFIX + key):
                value = str(self.originals.get(name, "")).strip()
                if value and value not in harmless and value.lower() not in harmless:
                    yield Problem(name, f"Invalid value {value} for configuration {name}: {instead}")

    def tls(self) -> TlsSettings:
        """Return the keys of TLS."""
        password = self.ssl_key_password or self.ssl_keystore_password
        return TlsSettings(
            truststore_type=self.ssl_truststore_type,
            truststore_location=self.ssl_truststore_location,
            truststore_certificates=self.ssl_truststore_certificates,
            keystore_type=self.ssl_keystore_type,
            keystore_location=self.ssl_keystore_location,
            keystore_certificates=self.ssl_keystore_certificate_chain,
            keystore_key=_shown(self.ssl_keystore_key),
            password=_shown(password),
            checks_name=bool(self.ssl_endpoint_identification_algorithm),
        )

    def request_headers(self) -> list[tuple[str, str]]:
        """Return the headers of `request.header.*`."""
        found: dict[str, str] = {}
        for prefix in (_PREFIX + _HEADERS, _HEADERS):
            found |= {k[len(prefix) :]: str(v).strip() for k, v in self.originals.items() if k.startswith(prefix)}
        return sorted(found.items())

    def _static_token(self) -> str:
        """Return the token without the line break that a file of secrets ends with."""
        return _shown(self.bearer_auth_token).strip()

    def _oauth(self) -> TokenSettings:
        return TokenSettings(
            url=self.bearer_auth_issuer_endpoint_url or "",
            client_id=self.bearer_auth_client_id or "",
            client_secret=_shown(self.bearer_auth_client_secret),
            scope=self.bearer_auth_scope or "",
            buffer_s=float(self.bearer_auth_cache_expiry_buffer_seconds),
        )

    def client_settings(self) -> ClientSettings:
        """Return what a client is made of."""
        urls, logins = zip(*map(_parted, self.schema_registry_url), strict=True)
        user_info = _shown(self.basic_auth_user_info)
        source = (self.basic_auth_credentials_source or "").upper()
        given = next((login for login in logins if login), "")
        login = {"URL": given, "USER_INFO": user_info}.get(source, given or user_info)
        bearer = (self.bearer_auth_credentials_source or "STATIC_TOKEN").upper()
        token = self._static_token() if not source and bearer == "STATIC_TOKEN" else ""
        oauth = self._oauth() if bearer == "OAUTHBEARER" else None
        headers = self.request_headers()
        if token or oauth:
            login = ""
            for name, value in (
                ("target-sr-cluster", self.bearer_auth_logical_cluster),
                ("Confluent-Identity-Pool-Id", self.bearer_auth_identity_pool_id),
            ):
                headers += [(name, value)] if value else []
        has_proxy = bool(self.proxy_host) and self.proxy_port > 0
        return ClientSettings(
            urls=tuple(urls),
            randomized=self.url_randomize,
            login=login,
            token=token,
            oauth=oauth,
            headers=tuple(headers),
            proxy=f"http://{self.proxy_host}:{self.proxy_port}" if has_proxy else None,
            tls=self.tls(),
            connect_timeout_s=self.http_connect_timeout_ms / 1000,
            read_timeout_s=self.http_read_timeout_ms / 1000,
            retries_max=self.max_retries,
            wait_s=self.retries_wait_ms / 1000,
            wait_max_s=self.retries_max_wait_ms / 1000,
            schemas_per_subject=self.max_schemas_per_subject,
            latest_count=self.latest_cache_size,
            latest_ttl_s=None if self.latest_cache_ttl_sec < 0 else float(self.latest_cache_ttl_sec),
            missing_id_ttl_s=float(self.missing_id_cache_ttl_sec),
            missing_schema_ttl_s=float(self.missing_schema_cache_ttl_sec),
            missing_count=self.missing_cache_size,
        )


@dataclass(frozen=True, slots=True)
class ApicurioSettings:
    """That a registry is asked by Apicurio's own API, and not by Confluent's.

    Attributes:
        group: Where the artifacts are.
        ids: 'globalIds' or 'contentIds': what records name.
    """

    group: str = "default"
    ids: str = "globalIds"


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a client of a registry is made of; equal ones share one. Holds secrets: `repr` does not show them.

    Attributes:
        urls: Without user, password or a '/' at the end.
        login: 'user:password'; '' for none.
        token: Sent as a bearer token; '' for none.
        oauth: Who gives tokens that are sent in the same way; None for nobody.
    """

    urls: tuple[str, ...]
    randomized: bool = False
    login: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    oauth: TokenSettings | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    proxy: str | None = None
    tls: TlsSettings = field(default_factory=TlsSettings, repr=False)
    connect_timeout_s: float = 60.0
    read_timeout_s: float = 60.0
    retries_max: int = 3
    wait_s: float = 1.0
    wait_max_s: float = 20.0
    schemas_per_subject: int = 1000
    latest_count: int = 1000
    latest_ttl_s: float | None = None
    missing_id_ttl_s: float = 10.0
    missing_schema_ttl_s: float = 10.0
    missing_count: int = 10000
    #: How long a registry that did not answer is not asked again: records that are tried one by one do not each wait.
    away_s: float = 3.0
    apicurio: ApicurioSettings | None = None


def may_have_secret(url: str) -> bool:
    """Whether an address may be sent a secret: nobody between here and there reads it, and it has none in it, which
    messages would show."""
    try:
        parts = urlsplit(url)
        is_near = parts.hostname in ("localhost", "127.0.0.1", "::1")
    except ValueError:
        return False
    is_private = parts.scheme == "https" or (parts.scheme == "http" and is_near)
    return bool(parts.hostname) and "@" not in parts.netloc and is_private


def _shown(secret: Secret | None) -> str:
    return secret.get_secret_value() if secret else ""


def _parted(url: str) -> tuple[str, str]:
    """Return an address without its user and password, and those."""
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", "")), unquote(login) if at else ""
