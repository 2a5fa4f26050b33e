"""TLS to a registry, in Kafka's keys: certificates and keys as PEM, from files or out of the config.

Java's binary stores (JKS, PKCS12) are refused with the command that turns one into PEM.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from connect.api import ConfigError, Problem, read_file, whole_pem

_TO_PEM: Final = (
    "turn the store into PEM: openssl pkcs12 -in store.p12 -out store.pem -nodes "
    "(a JKS first with keytool -importkeystore -deststoretype PKCS12)"
)
_PEM_BYTES_MAX: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How a registry is trusted, and what is shown to it."""

    truststore_type: str = "PEM"
    truststore_location: str = ""
    truststore_certificates: str = ""
    keystore_type: str = "PEM"
    keystore_location: str = ""
    keystore_certificates: str = ""
    keystore_key: str = ""
    password: str = ""
    checks_name: bool = True


def tls_problems(tls: TlsSettings, prefix: str) -> Iterator[Problem]:
    """Yield what is wrong between the keys."""
    for name, kind, location in (
        ("ssl.keystore.type", tls.keystore_type, tls.keystore_location),
        ("ssl.truststore.type", tls.truststore_type, tls.truststore_location),
    ):
        if kind.upper() != "PEM" or location.lower().endswith((".jks", ".p12", ".pfx")):
            shown = kind if kind.upper() != "PEM" else location
            at = f"{prefix}{name}" if kind.upper() != "PEM" else f"{prefix}{name[:-4]}location"
            yield Problem(at, f"Invalid value {shown} for configuration {at}: PEM is expected; {_TO_PEM}")
    if tls.keystore_certificates and not tls.keystore_key:
        name = f"{prefix}ssl.keystore.key"
        yield Problem(name, f"{prefix}ssl.keystore.certificate.chain needs {name} beside it")


def client_context(tls: TlsSettings, prefix: str = "schema.registry.") -> ssl.SSLContext:
    """Return the context for connections to a registry. Reads files: may block.

    Raises:
        ConfigError: A file cannot be read, or holds no usable certificate or key; names the key of the config.
    """
    name = f"{prefix}ssl.truststore.{'location' if tls.truststore_location else 'certificates'}"
    trusted = _text(name, tls.truststore_location) or tls.truststore_certificates
    try:
        context = ssl.create_default_context(cadata=whole_pem(name, trusted) if trusted else None)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(f"{name}: no usable certificate: {error}", config_path=name) from None
    context.check_hostname = tls.checks_name
    _load_own(context, tls, prefix)
    return context


def _load_own(context: ssl.SSLContext, tls: TlsSettings, prefix: str) -> None:
    name = f"{prefix}ssl.keystore.{'location' if tls.keystore_location else 'certificate.chain'}"
    chain = _text(name, tls.keystore_location) or tls.keystore_certificates
    if not chain:
        return
    # OpenSSL reads certificates from files only.
    with tempfile.TemporaryDirectory(prefix="connect-tls-") as folder:
        path = Path(folder, "own.pem")
        path.touch(0o600)
        path.write_text(whole_pem(name, f"{chain}\n{tls.keystore_key}"))
        try:
            # Without a password OpenSSL would ask on the terminal.
            context.load_cert_chain(path, password=lambda: tls.password)
        except (ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", None) or "a certificate and its private key are expected"
            raise ConfigError(
                f"{name}: no usable certificate with its private key: {reason}",
                hint=f"Check that the key belongs to the certificate, and {prefix}ssl.key.password if it is encrypted.",
                config_path=name,
            ) from None


def _text(name: str, location: str) -> str:
    if not location:
        return ""
    try:
        return read_file(location, max_bytes=_PEM_BYTES_MAX).decode("ascii")
    except OSError as error:
        raise ConfigError(
            f"{name}: {location} cannot be read: {error.strerror}", code="config.unreadable", config_path=name
        ) from error
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: {location} is not PEM; {_TO_PEM}", config_path=name) from None
