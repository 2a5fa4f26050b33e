"""What does not fit a listener is found out, and the key at fault is named."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from connect.kafka.client_config import ClientConfigs
from connect.kafka.diagnosis import why_not_in
from connect.kafka.errors import login_refused
from tests.support.kafka_broker import PASSWORD, USER
from tests.support.secured_kafka import Secured

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

JAAS = {"sasl.jaas.config": f'x.PlainLoginModule required username="{USER}" password="{PASSWORD}";'}
PLAIN = {"sasl.mechanism": "PLAIN", **JAAS}
SCRAM = {"sasl.mechanism": "SCRAM-SHA-512", **JAAS}


def why(broker: Secured, listener: str, **given: Any) -> tuple[str | None, str] | None:
    """Return key and text for a client of a listener: it trusts the right authority, unless that is given."""
    keys = {name.replace("_", "."): str(value) for name, value in given.items()}
    trusts = {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(broker.file("ca"))}
    made = ClientConfigs({"bootstrap.servers": broker.address(listener), **trusts, **keys}).of("admin")
    found = why_not_in(broker.address(listener), made)
    return None if found is None else (found.key, found.text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("listener", "given", "fits"),
    [
        ("PLAINTEXT", {"security.protocol": "SSL"}, "PLAINTEXT"),
        ("PLAINTEXT", {"security.protocol": "SASL_PLAINTEXT", **PLAIN}, "PLAINTEXT"),
        ("SASL_PLAINTEXT", {}, "SASL_PLAINTEXT"),
        ("SASL_PLAINTEXT", {"security.protocol": "SASL_SSL", **PLAIN}, "SASL_PLAINTEXT"),
        ("SCRAM", {}, "SASL_SSL"),
        ("SCRAM", {"security.protocol": "SSL"}, "SASL_SSL"),
        ("SCRAM", {"security.protocol": "SASL_PLAINTEXT", **SCRAM}, "SASL_SSL"),
        ("STRANGER", {"security.protocol": "PLAINTEXT"}, "SSL"),
        ("MTLS", {}, "SSL"),
    ],
)
def test_a_protocol_that_the_listener_does_not_speak_is_told_with_the_one_that_it_does(
    secured: Secured, listener: str, given: dict[str, str], fits: str
) -> None:
    found = why(secured, listener, **given)
    assert found is not None
    assert found[0] == "security.protocol"
    assert found[1].endswith(f": set {fits}")


def test_a_mechanism_that_the_listener_does_not_take_is_told_with_those_that_it_does(secured: Secured) -> None:
    key, text = why(secured, "SCRAM", security_protocol="SASL_SSL", **PLAIN) or ("", "")
    assert key == "sasl.mechanism"
    assert "it is PLAIN, and " in text
    assert "SCRAM-SHA-256" in text


def test_a_certificate_of_the_broker_is_not_trusted_for_a_reason_that_is_told(secured: Secured) -> None:
    tls = {"security.protocol": "SSL"}
    other = {"ssl.truststore.location": str(secured.file("other-ca"))}
    assert why(secured, "STRANGER", **tls, **other, ssl_endpoint_identification_algorithm="")[0] == (  # type: ignore[index]
        "ssl.truststore.location"
    )
    key, text = why(secured, "EXPIRED", **tls) or ("", "")
    assert (key, "certificate has expired" in text) == (None, True)
    key, text = why(secured, "STRANGER", **tls) or ("", "")
    assert key == "ssl.endpoint.identification.algorithm"
    assert "mismatch" in text
    assert why(secured, "STRANGER", **tls, ssl_endpoint_identification_algorithm="") is None


def test_a_certificate_of_the_client_is_asked_for_and_judged(secured: Secured) -> None:
    tls = {"security.protocol": "SSL", "ssl.keystore.type": "PEM"}
    key, text = why(secured, "MTLS", **tls) or ("", "")
    assert key == "ssl.keystore.location"
    assert "asks for a client's certificate" in text
    assert why(secured, "MTLS", **tls, ssl_keystore_location=secured.file("client")) is None
    key, text = why(secured, "MTLS", **tls, ssl_keystore_location=secured.file("other-client")) or ("", "")
    assert key == "ssl.keystore.location"
    assert "does not take the certificate" in text


def test_of_who_fits_and_of_who_is_not_there_nothing_is_said(secured: Secured) -> None:
    assert why(secured, "PLAINTEXT") is None
    assert why(secured, "SASL_PLAINTEXT", security_protocol="SASL_PLAINTEXT", **PLAIN) is None
    assert why(secured, "SCRAM", security_protocol="SASL_SSL", **SCRAM) is None
    both = f"{secured.address('PLAINTEXT')},{secured.address('SCRAM')}"
    assert why_not_in(both, {}) is None, "it gets in by the other one"
    assert why_not_in("127.0.0.1:1,nonsense", {"security.protocol": "ssl"}) is None


def test_a_server_that_is_no_broker_is_told_of_with_the_key_that_leads_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        at = f"127.0.0.1:{server.getsockname()[1]}"

        def answer() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:  # it is closed
                    return
                with peer:
                    peer.recv(1 << 16)
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        try:
            found = why_not_in(at, ClientConfigs({"bootstrap.servers": at}).of("admin"))
        finally:
            server.shutdown(socket.SHUT_RDWR)
            answering.join(10)
    assert found is not None and found.key == "bootstrap.servers"
    assert f"{at} does not speak Kafka's protocol" in found.text
    refused = login_refused("connect", found.text, key=found.key)
    assert (refused.code, refused.message) == ("environment.unreachable", f"connect: bootstrap.servers: {found.text}")


def test_a_server_that_says_nothing_takes_seconds_and_no_more() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        assert why_not_in(f"127.0.0.1:{silent.getsockname()[1]}", {"security.protocol": "ssl"}) is None
        assert time.monotonic() - began < 20
