"""Why brokers do not let a client in: what their listeners speak and ask for, compared with the client's config.

librdkafka tells of a connection that was closed, or of a certificate that "could not be verified". Here a listener is
asked, by a TLS handshake and Kafka's SaslHandshake request, and the answer names the key that does not fit it. Nothing
secret is sent: the handshake comes before any login.

Source: Kafka's protocol guide, SaslHandshake (17), version 1.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connect.kafka.client_config import PROTOCOLS

#: How long one step may take: connecting, a handshake, an answer.
_STEP_S: Final = 2.0
#: Servers that are asked.
_SERVERS_MAX: Final = 3
_SASL_HANDSHAKE: Final = 17
_UNSUPPORTED_MECHANISM: Final = 33
_ILLEGAL_STATE: Final = 34
_ANSWER_MAX: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Finding:
    """What does not fit.

    Attributes:
        key: The client's key at fault; None where the fault is the broker's.
    """

    key: str | None
    text: str


class _NoBroker(Exception):
    """What answers is something else: a web server, a database."""


def why_not_in(servers: str, made: Mapping[str, Any]) -> Finding | None:
    """Return why brokers do not let a client in; None where nothing is found. Blocks for some seconds.

    Of several servers all that answer have to be at odds with the client: else it gets in by another one.

    Args:
        servers: HOST:PORT, with commas.
        made: The client's configs for librdkafka.
    """
    found: list[Finding | None] = []
    for server in [each.strip() for each in servers.split(",") if each.strip()][:_SERVERS_MAX]:
        host, _, port = server.rpartition("://")[2].rpartition(":")
        if not port.isdigit():
            continue
        try:
            found.append(_look(host.strip("[]"), int(port), made))
        except _NoBroker:
            text = f"what answers at {server} does not speak Kafka's protocol; name a broker's listener"
            found.append(Finding("bootstrap.servers", text))
        except OSError:  # nobody is there, or it is too slow: of that librdkafka tells
            continue
    return found[0] if found and all(found) else None


def _look(host: str, port: int, made: Mapping[str, Any]) -> Finding | None:
    protocol = str(made.get("security.protocol") or "PLAINTEXT").strip().upper()
    if protocol not in PROTOCOLS:
        return None
    at, speaks_tls = f"the listener at {host}:{port}", _speaks_tls(host, port)
    wants_tls, wants_login = protocol.endswith("SSL"), protocol.startswith("SASL_")
    if wants_tls and speaks_tls and (untrusted := _why_not_trusted(host, port, made)) is not None:
        return untrusted
    try:
        mechanisms = _mechanisms(host, port, made, tls=speaks_tls)
    except ssl.SSLError as error:
        if not wants_tls:
            return Finding("security.protocol", f"it is {protocol}, and {at} asks for a client's certificate: set SSL")
        return _of_certificate(at, error, made)
    if mechanisms is None and speaks_tls == wants_tls:
        return None
    fits = _protocol(speaks_tls, bool(mechanisms))
    if speaks_tls != wants_tls or bool(mechanisms) != wants_login:
        login = f"asks for a login ({', '.join(mechanisms)})" if mechanisms else "asks for no login"
        speaks = "speaks TLS" if speaks_tls else "does not speak TLS"
        return Finding("security.protocol", f"it is {protocol}, and {at} {speaks} and {login}: set {fits}")
    mechanism = str(made.get("sasl.mechanisms") or "GSSAPI").strip()
    if wants_login and mechanisms and mechanism not in mechanisms:
        return Finding("sasl.mechanism", f"it is {mechanism}, and {at} takes {', '.join(mechanisms)}")
    return None


def _protocol(tls: bool, login: bool) -> str:
    return ("SASL_" if login else "") + ("SSL" if tls else ("PLAINTEXT"))


def _connected(host: str, port: int) -> socket.socket:
    return socket.create_connection((host, port), timeout=_STEP_S)


def _speaks_tls(host: str, port: int) -> bool:
    with _connected(host, port) as plain:
        try:
            with _trusting_all().wrap_socket(plain):
                return True
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError):
            return False
        except ssl.SSLError as error:
            return "ALERT" in str(error.reason)  # it speaks TLS, and does not like how


def _trusting_all() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _why_not_trusted(host: str, port: int, made: Mapping[str, Any]) -> Finding | None:
    if str(made.get("enable.ssl.certificate.verification", "true")).strip().lower() == "false":
        return None
    given, inline = made.get("ssl.ca.location") or None, made.get("ssl.ca.pem") or None
    context = ssl.create_default_context(cafile=given, cadata=inline)
    context.check_hostname = made.get("ssl.endpoint.identification.algorithm", "https") != "none"
    with _connected(host, port) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=host):
                return None
        except ssl.SSLCertVerificationError as error:
            return _of_verification(f"{host}:{port}", error.verify_message, given or inline)
        except ssl.SSLError:
            return None  # not about the server's certificate


def _of_verification(at: str, why: str, trusts: Any) -> Finding:
    certificate = f"the certificate of the broker at {at} is not trusted: {why.rstrip('.')}"
    if "mismatch" in why:
        advice = "name the broker as its certificate does, or leave this key empty to check no names"
        return Finding("ssl.endpoint.identification.algorithm", f"{certificate}; {advice}")
    if "expired" in why or "not yet valid" in why:
        return Finding(None, f"{certificate}; have it renewed, or look at the clocks")
    what = "has the authority that signed it" if trusts else "is not set, and the system's authorities do not know it"
    advice = f"see that ssl.truststore.location or ssl.truststore.certificates {what}"
    if not trusts:
        advice = f"ssl.truststore.location {what}"
    return Finding("ssl.truststore.location", f"{certificate}; {advice}")


def _of_certificate(at: str, error: ssl.SSLError, made: Mapping[str, Any]) -> Finding | None:
    """Return what a refusal inside TLS means, which comes after the handshake: it is about the client's certificate."""
    if "ALERT" not in str(error.reason):
        return None
    if not any(made.get(name) for name in ("ssl.certificate.location", "ssl.certificate.pem", "ssl.keystore.location")):
        return Finding("ssl.keystore.location", f"it is not set, and {at} asks for a client's certificate")
    if not made.get("ssl.certificate.location"):
        return None  # it was not shown
    reason = str(error.reason).replace("_", " ").lower()
    return Finding("ssl.keystore.location", f"{at} does not take the certificate: {reason}")


def _mechanisms(host: str, port: int, made: Mapping[str, Any], *, tls: bool) -> list[str] | None:
    """Return the mechanisms of logins that a listener takes, none where it asks for no login; None: it did not say."""
    with _connected(host, port) as plain:
        if not tls:
            return _asked(plain)
        context = _trusting_all()
        _show_certificate(context, made)
        with context.wrap_socket(plain) as wrapped:
            return _asked(wrapped)


def _show_certificate(context: ssl.SSLContext, made: Mapping[str, Any]) -> None:
    own = made.get("ssl.certificate.location")
    if own:
        password = str(made.get("ssl.key.password") or "")
        try:
            context.load_cert_chain(own, made.get("ssl.key.location"), password=lambda: password)
        except (OSError, ValueError):  # librdkafka has told
            return


def _asked(connection: socket.socket) -> list[str] | None:
    mechanism = b"\0\0"  # none: who asks for a login says which there are
    request = struct.pack(">hhih", _SASL_HANDSHAKE, 1, 1, -1) + mechanism
    connection.sendall(struct.pack(">i", len(request)) + request)
    head = _received(connection, 4)
    if head is None:
        return None
    size = struct.unpack(">i", head)[0]
    if not 10 <= size <= _ANSWER_MAX:
        raise _NoBroker
    body = _received(connection, size)
    if body is None:
        return None
    error, count = struct.unpack_from(">hi", body, 4)
    if error == _ILLEGAL_STATE:
        return []
    return list(_texts(body[10:], count)) if error in (0, _UNSUPPORTED_MECHANISM) else None


def _received(connection: socket.socket, size: int) -> bytes | None:
    found = b""
    while len(found) < size:
        try:
            more = connection.recv(size - len(found))
        except ConnectionError:
            return None
        if not more:
            return None
        found += more
    return found


def _texts(body: bytes, count: int) -> Iterable[str]:
    at = 0
    for _ in range(count):
        (size,) = struct.unpack_from(">h", body, at)
        yield body[at + 2 : at + 2 + size].decode("utf-8", "replace")
        at += 2 + size
