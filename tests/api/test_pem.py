"""PEM that lost its line breaks on the way through a properties file."""

from __future__ import annotations

import ssl

import pytest
import trustme

from connect.api import ConfigError, whole_pem


@pytest.mark.parametrize("breaks", ["\n", " ", "", "\r\n"])
def test_pem_is_whole_whatever_became_of_its_line_breaks(breaks: str) -> None:
    authority = trustme.CA().cert_pem.bytes().decode().strip()
    text = whole_pem("key", authority.replace("\n", breaks))
    assert text == authority + "\n"
    assert ssl.create_default_context(cadata=text + text).cert_store_stats()["x509_ca"] == 1


def test_an_old_encrypted_key_keeps_its_lines() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
    assert whole_pem("key", key) == key


def test_what_is_no_pem_names_its_key_and_is_not_shown() -> None:
    with pytest.raises(ConfigError, match=r"ssl\.keystore\.key: no PEM is found") as raised:
        whole_pem("ssl.keystore.key", "s3cret")
    assert raised.value.config_path == "ssl.keystore.key"
    assert "s3cret" not in raised.value.message
