"""TLS of https listeners, in Kafka's keys: `listeners.https.ssl.*`, and `ssl.*` where those do not say.

Certificates and keys are PEM, as files or inside the config. Java's binary stores (JKS, PKCS12) are refused with the
command that turns one into PEM.
"""

from __future__ import annotations

import logging
import ssl
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from connect.api import Config, ConfigError, Problem, config_key, invalid_value, whole_pem
from connect.api.config_values import Secret
from connect.runtime.config_prefixes import strip_prefix
from connect.runtime.worker_config import WorkerConfig

logger = logging.getLogger(__name__)

PREFIX = "listeners.https."
#: How long a renewed certificate may go unnoticed.
_LOOK_S = 5.0
_TO_PEM = (
    "turn the store into PEM: openssl pkcs12 -in store.p12 -out store.pem -nodes "
    "(a JKS first with keytool -importkeystore -deststoretype PKCS12)"
)
_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


class TlsConfig(Config):
    """The keys of an https listener."""

    ssl_keystore_type: str = config_key(
        "Form of the key store; PEM is the one that is taken.", default="PEM", importance="medium"
    )
    ssl_keystore_location: str = config_key(
        "PEM file with the certificate chain, and the private key unless it is elsewhere.",
        default="",
        importance="high",
    )
    ssl_keystore_key_location: str = config_key(
        "PEM file with the private key, where it is not in ssl.keystore.location.", default="", importance="medium"
    )
    ssl_keystore_certificate_chain: str = config_key(
        "The certificate chain itself, as PEM.", default="", importance="high"
    )
    ssl_keystore_key: Secret | None = config_key("The private key itself, as PEM.", default=None, importance="high")
    ssl_key_password: Secret | None = config_key("Password of the private key.", default=None, importance="high")
    ssl_keystore_password: Secret | None = config_key(
        "As ssl.key.password, which goes before it.", default=None, importance="medium"
    )
    ssl_truststore_type: str = config_key(
        "Form of the trust store; PEM is the one that is taken.", default="PEM", importance="medium"
    )
    ssl_truststore_location: str = config_key(
        "PEM file with the certificates that client certificates are checked against.", default="", importance="high"
    )
    ssl_truststore_certificates: str = config_key(
        "Those certificates themselves, as PEM.", default="", importance="high"
    )
    ssl_client_auth: str = config_key(
        "Whether clients show a certificate: none, requested, required.",
        default="none",
        one_of=("none", "requested", "required"),
        importance="low",
    )
    ssl_enabled_protocols: list[str] = config_key(
        "Versions of TLS that are taken.", default=["TLSv1.2", "TLSv1.3"], one_of=tuple(_VERSIONS), importance="medium"
    )
    ssl_cipher_suites: list[str] = config_key(
        "Cipher suites of TLS 1.2, by OpenSSL's names; the safe ones when left out.", default=[], importance="low"
    )

    def problems(self) -> Iterable[Problem]:
        for name, kind in (
            ("ssl.keystore.type", self.ssl_keystore_type),
            ("ssl.truststore.type", self.ssl_truststore_type),
        ):
            if kind.upper() != "PEM":
                yield Problem(name, f"Invalid value {kind} for configuration {name}: PEM is expected; {_TO_PEM}")
        if bool(self.ssl_keystore_location) == bool(self.ssl_keystore_certificate_chain):
            yield Problem(
                "ssl.keystore.location",
                "an https listener needs its certificate: "
                "give one of listeners.https.ssl.keystore.location and listeners.https.ssl.keystore.certificate.chain",
            )
        if self.ssl_keystore_certificate_chain and not (self.ssl_keystore_key or self.ssl_keystore_key_location):
            yield Problem(
                "ssl.keystore.key",
                "listeners.https.ssl.keystore.certificate.chain needs listeners.https.ssl.keystore.key beside it",
            )
        if self.ssl_client_auth != "none" and not (self.ssl_truststore_location or self.ssl_truststore_certificates):
            yield Problem(
                "ssl.truststore.location",
                f"ssl.client.auth={self.ssl_client_auth} needs certificates to check against: "
                "give listeners.https.ssl.truststore.location",
            )
        if not self.ssl_enabled_protocols:
            yield Problem(
                "ssl.enabled.protocols",
                "Invalid value for configuration ssl.enabled.protocols: "
                "at least one of TLSv1.2 and TLSv1.3 is expected",
            )


def tls_config(worker: Mapping[str, Any]) -> TlsConfig:
    """Return the TLS keys of a worker's config.

    Raises:
        ConfigError: With every problem.
    """
    plain = {name: value for name, value in worker.items() if name.startswith("ssl.")}
    return TlsConfig.parse({**plain, **strip_prefix(worker, PREFIX)})


def server_context(config: TlsConfig) -> ssl.SSLContext:
    """Return the context of an https listener. Reads files: not on the event loop.

    Raises:
        ConfigError: A file cannot be read, or holds no usable certificate or key; names the key of the config.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    versions = [_VERSIONS[name] for name in config.ssl_enabled_protocols]
    context.minimum_version, context.maximum_version = min(versions), max(versions)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if config.ssl_cipher_suites:
        try:
            context.set_ciphers(":".join(config.ssl_cipher_suites))
        except ssl.SSLError:
            raise invalid_value(
                "ssl.cipher.suites",
                ",".join(config.ssl_cipher_suites),
                "OpenSSL's names are expected, such as ECDHE-RSA-AES256-GCM-SHA384",
            ) from None
    _load_own(context, config)
    if config.ssl_client_auth != "none":
        context.verify_mode = ssl.CERT_REQUIRED if config.ssl_client_auth == "required" else ssl.CERT_OPTIONAL
        _load_trusted(context, config)
    return context


def client_context(config: WorkerConfig) -> ssl.SSLContext:
    """Return how a worker speaks to the https listeners of other workers of its group: with the keys of its own.

    It trusts its own trust store, or where there is none the certificates that the system trusts, and shows its own
    certificate to who asks for one.

    Raises:
        ConfigError: A file of these cannot be used.
    """
    if not any(address.startswith("https:") for address in config.addresses):
        return ssl.create_default_context()
    own = tls_config(config.originals)
    trusted = _text("ssl.truststore.location", own.ssl_truststore_location) or own.ssl_truststore_certificates
    try:
        context = ssl.create_default_context(cadata=trusted or None)
    except ssl.SSLError as error:
        raise ConfigError(f"{PREFIX}ssl.truststore.location: {error}", config_path="ssl.truststore.location") from error
    _load_own(context, own)
    return context


class Renewing:
    """Takes up a renewed certificate while the worker runs.

    The files are looked at with a handshake, at most every `_LOOK_S`.
    A renewal that cannot be used is reported, and the certificate stays as it was.
    """

    def __init__(self, config: TlsConfig) -> None:
        self._config = config
        files = (config.ssl_keystore_location, config.ssl_keystore_key_location, config.ssl_truststore_location)
        self._files = [Path(file) for file in files if file]
        self._stamps = self._look()
        self._looked = time.monotonic()
        self.context = server_context(config)
        self._current = self.context
        self.context.sni_callback = self._on_handshake

    def _look(self) -> list[tuple[int, int] | None]:
        return [_stamp(file) for file in self._files]

    def _on_handshake(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        if time.monotonic() - self._looked >= _LOOK_S:
            self._looked = time.monotonic()
            if (stamps := self._look()) != self._stamps:
                self._stamps = stamps
                self._renew()
        if self._current is not self.context:
            connection.context = self._current

    def _renew(self) -> None:
        try:
            self._current = server_context(self._config)
        except ConfigError as error:
            logger.error("the renewed certificate cannot be used, the old one stays: %s", error.message)
            return
        logger.info("a renewed certificate was taken up from %s", ", ".join(map(str, self._files)))


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:  # it is being replaced
        return None
    return found.st_mtime_ns, found.st_size


def _load_own(context: ssl.SSLContext, config: TlsConfig) -> None:
    name = "ssl.keystore.location" if config.ssl_keystore_location else "ssl.keystore.certificate.chain"
    chain = _text("ssl.keystore.location", config.ssl_keystore_location) or config.ssl_keystore_certificate_chain
    own_key = config.ssl_keystore_key.get_secret_value() if config.ssl_keystore_key else ""
    own_key = own_key or _text("ssl.keystore.key.location", config.ssl_keystore_key_location)
    password = config.ssl_key_password or config.ssl_keystore_password

    def give_password() -> str:
        # Without this OpenSSL would ask on the terminal.
        return password.get_secret_value() if password else ""

    # OpenSSL reads certificates from files only.
    with tempfile.TemporaryDirectory(prefix="connect-tls-") as folder:
        path = Path(folder, "own.pem")
        path.touch(0o600)
        path.write_text(whole_pem(name, chain + "\n" + own_key))
        try:
            context.load_cert_chain(path, password=give_password)
        except (ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", None) or "a certificate and its private key are expected"
            hint = "Check that the key belongs to the certificate, and ssl.key.password where it is encrypted."
            raise ConfigError(
                f"{name}: no usable certificate with its private key: {reason}", hint=hint, config_path=name
            ) from None


def _load_trusted(context: ssl.SSLContext, config: TlsConfig) -> None:
    name = "ssl.truststore.location" if config.ssl_truststore_location else "ssl.truststore.certificates"
    text = _text(name, config.ssl_truststore_location) or config.ssl_truststore_certificates
    try:
        context.load_verify_locations(cadata=whole_pem(name, text))
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(f"{name}: no usable certificate: {error}", config_path=name) from None


def _text(name: str, location: str) -> str:
    if not location:
        return ""
    try:
        return Path(location).read_text("ascii")
    except OSError as error:
        raise ConfigError(
            f"{name}: {location} cannot be read: {error.strerror}", code="config.unreadable", config_path=name
        ) from error
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: {location} is not PEM; {_TO_PEM}", config_path=name) from None
