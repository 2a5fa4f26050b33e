"""TLS to a registry: whom it trusts, and what it shows."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
import trustme

from connect.api import ConfigError, RetriableError
from connect_schemas.registry.settings import RegistryConfig
from connect_schemas.registry.tls import TlsSettings, client_context
from connect_schemas.registry.transport import Transport
from tests.support.schema_registry import memory_registry

PREFIX = "schema.registry.ssl."


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def served(authority: trustme.CA, *, name: str = "127.0.0.1", asks: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    if asks:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def ask(url: str, **config: str) -> Any:
    keys = {f"{PREFIX}{name}": value for name, value in config.items()}
    made = Transport(RegistryConfig.parse({"schema.registry.url": url, "max.retries": "0", **keys}).client_settings())
    try:
        return made.request("GET", "/schemas/ids/1", abandoned=threading.Event())
    finally:
        made.close()


def test_a_registry_is_trusted_by_a_file_or_by_the_text_of_the_key(authority: trustme.CA, tmp_path: Path) -> None:
    pem = authority.cert_pem.bytes().decode()
    (tmp_path / "ca.pem").write_text(pem)
    with memory_registry(tls=served(authority)) as registry:
        registry.add("s", '"string"')
        assert ask(registry.url, **{"truststore.location": str(tmp_path / "ca.pem")})["schema"] == '"string"'
        one_line = " ".join(pem.split("\n"))
        assert ask(registry.url, **{"truststore.certificates": one_line})["schema"] == '"string"'
        with pytest.raises(RetriableError, match="certificate verify failed"):
            ask(registry.url)


def test_the_name_in_the_certificate_is_checked_unless_that_is_switched_off(authority: trustme.CA) -> None:
    trusted = {"truststore.certificates": authority.cert_pem.bytes().decode()}
    with memory_registry(tls=served(authority, name="elsewhere.example")) as registry:
        registry.add("s", '"string"')
        with pytest.raises(RetriableError, match=r"mismatch|not valid for"):
            ask(registry.url, **trusted)
        assert ask(registry.url, **trusted, **{"endpoint.identification.algorithm": ""})["schema"] == '"string"'


def test_a_certificate_is_shown_to_a_registry_that_asks_for_one(authority: trustme.CA, tmp_path: Path) -> None:
    own = authority.issue_cert("me@example.org")
    (tmp_path / "own.pem").write_bytes(own.private_key_and_cert_chain_pem.bytes())
    trusted = {"truststore.certificates": authority.cert_pem.bytes().decode()}
    chain = own.cert_chain_pems[0].bytes().decode()
    with memory_registry(tls=served(authority, asks=True)) as registry:
        registry.add("s", '"string"')
        for shown in (
            {"keystore.location": str(tmp_path / "own.pem")},
            {"keystore.certificate.chain": chain, "keystore.key": own.private_key_pem.bytes().decode()},
        ):
            assert ask(registry.url, **trusted, **shown)["schema"] == '"string"'
        with pytest.raises(RetriableError):
            ask(registry.url, **trusted)


def test_files_that_cannot_be_used_are_told_by_their_key(tmp_path: Path) -> None:
    binary = tmp_path / "ca.bin"
    binary.write_bytes(b"\xfe\xed")
    for settings, words in (
        (TlsSettings(truststore_location=str(tmp_path / "none")), "ssl.truststore.location: .*none cannot be read"),
        (TlsSettings(truststore_location=str(binary)), "is not PEM; turn the store into PEM"),
        (TlsSettings(truststore_certificates="no"), "ssl.truststore.certificates: no PEM"),
        (
            TlsSettings(keystore_certificates="-----BEGIN CERTIFICATE-----eA==-----END CERTIFICATE-----"),
            "ssl.keystore.certificate.chain: no usable certificate",
        ),
    ):
        with pytest.raises(ConfigError, match=words):
            client_context(settings)
