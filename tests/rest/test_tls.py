from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from connect.api import ConfigError, EnvironmentFault
from connect.rest import tls
from connect.rest.tls import server_context, tls_config
from tests.support.doors import ANY_PORT, ANY_TLS_PORT, Certificates, make_certificates, served_worker

HTTPS = "listeners.https."


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return make_certificates(tmp_path)


async def test_https_and_http_are_served_beside_each_other(tmp_path: Path, certificates: Certificates) -> None:
    keys = {HTTPS + "ssl.keystore.location": str(certificates.server_file)}
    async with served_worker(tmp_path, ANY_TLS_PORT, ANY_PORT, **keys) as worker:
        secure = await worker.get(verify=certificates.trusting())
        plain = await worker.get(url=1)
        assert (secure.json(), secure.status_code) == (plain.json(), 200)
        made = await worker.request(
            "POST",
            "/connectors",
            verify=certificates.trusting(),
            json={"name": "s", "config": {"connector.class": "FileStreamSource", "topic": "t"}},
        )
        assert made.headers["location"].startswith(worker.urls[0])
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await worker.get()


async def test_a_renewed_certificate_is_taken_up_and_a_broken_one_is_not(
    tmp_path: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_LOOK_S", 0.0)
    async with served_worker(
        tmp_path, ANY_TLS_PORT, **{HTTPS + "ssl.keystore.location": str(certificates.server_file)}
    ) as worker:
        assert (await worker.get(verify=certificates.trusting())).status_code == 200
        certificates.folder.joinpath("server.pem").write_text("half a fi")
        assert (await worker.get(verify=certificates.trusting())).status_code == 200
        renewed = make_certificates(tmp_path)  # of another authority, into the same files
        assert renewed.server_file.exists()
        assert (await worker.get(verify=renewed.trusting())).status_code == 200


async def test_keys_without_the_prefix_count_where_it_does_not_say(tmp_path: Path, certificates: Certificates) -> None:
    keys = {
        "ssl.keystore.location": "/nowhere",
        HTTPS + "ssl.keystore.location": str(certificates.server_file),
        "ssl.enabled.protocols": "TLSv1.3",
    }
    async with served_worker(tmp_path, ANY_TLS_PORT, **keys) as worker:
        assert (await worker.get(verify=certificates.trusting())).status_code == 200
        old = certificates.trusting()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(httpx.ConnectError):
            await worker.get(verify=old)


@pytest.mark.parametrize("auth", ["required", "requested"])
async def test_client_certificates_are_asked_for(tmp_path: Path, certificates: Certificates, auth: str) -> None:
    keys = {
        HTTPS + "ssl.keystore.location": str(certificates.server_file),
        HTTPS + "ssl.client.auth": auth,
        HTTPS + "ssl.truststore.location": str(certificates.ca_file),
    }
    async with served_worker(tmp_path, ANY_TLS_PORT, **keys) as worker:
        assert (await worker.get(verify=certificates.trusting(certificates.client_file()))).status_code == 200
        if auth == "requested":
            assert (await worker.get(verify=certificates.trusting())).status_code == 200
            return
        stranger = make_certificates(tmp_path).client_file("eve@example.org")
        for shown in (None, stranger):
            with pytest.raises((httpx.ReadError, httpx.ConnectError, httpx.RemoteProtocolError)):
                await worker.get(verify=certificates.trusting(shown))


async def test_certificates_may_stand_in_the_config_on_one_line(tmp_path: Path, certificates: Certificates) -> None:
    own = certificates.ca.issue_cert("127.0.0.1")
    chain = "".join(blob.bytes().decode() for blob in own.cert_chain_pems).replace("\n", " ")
    key = own.private_key_pem.bytes().decode().replace("\n", "")
    keys = {HTTPS + "ssl.keystore.certificate.chain": chain, HTTPS + "ssl.keystore.key": key}
    async with served_worker(tmp_path, ANY_TLS_PORT, **keys) as worker:
        assert (await worker.get(verify=certificates.trusting())).status_code == 200


def test_an_encrypted_key_needs_its_password_and_no_error_shows_it(tmp_path: Path, certificates: Certificates) -> None:
    encrypted = tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-in", certificates.server_file, "-out", encrypted, "-passout", "pass:s3cret"],
        check=True,
        capture_output=True,
    )
    chain = tmp_path / "chain.pem"
    chain.write_text(
        certificates.server_file.read_text().partition("-----END RSA PRIVATE KEY-----")[2] or _certs(certificates)
    )
    keys = {"ssl.keystore.location": str(chain), "ssl.keystore.key.location": str(encrypted)}
    with pytest.raises(ConfigError):
        server_context(tls_config({**keys, "ssl.key.password": "wr0ng"}))
    with pytest.raises(ConfigError) as failed:
        server_context(tls_config(keys))
    assert "ssl.key.password" in failed.value.hint


def _certs(certificates: Certificates) -> str:
    return "".join(blob.bytes().decode() for blob in certificates.ca.issue_cert("127.0.0.1").cert_chain_pems)


BAD = [
    ({}, "an https listener needs its certificate"),
    ({"ssl.keystore.location": "/nowhere.pem"}, "/nowhere.pem cannot be read"),
    ({"ssl.keystore.type": "JKS", "ssl.keystore.location": "a.jks"}, "openssl pkcs12"),
    ({"ssl.keystore.certificate.chain": "text", "ssl.keystore.key": "text"}, "no PEM is found"),
    ({"ssl.keystore.certificate.chain": "text"}, "ssl.keystore.key"),
    ({"ssl.keystore.location": "a", "ssl.client.auth": "required"}, "ssl.truststore.location"),
    ({"ssl.keystore.location": "a", "ssl.client.auth": "maybe"}, "maybe"),
    ({"ssl.keystore.location": "a", "ssl.enabled.protocols": "SSLv3"}, "SSLv3"),
    ({"ssl.keystore.location": "a", "ssl.cipher.suites": "TLS_RSA_WITH_NULL"}, "OpenSSL's names"),
]


@pytest.mark.parametrize(("keys", "mentions"), BAD)
def test_wrong_tls_keys_are_named_before_anything_listens(keys: dict[str, str], mentions: str) -> None:
    with pytest.raises(ConfigError) as refused:
        server_context(tls_config(keys))
    assert mentions in refused.value.message
    assert refused.value.config_path


@pytest.mark.parametrize(
    "listener",
    ["ftp://127.0.0.1:1", "127.0.0.1:8083", "http://127.0.0.1:99999", "http://127.0.0.1:1/x", "http://u:p@127.0.0.1:1"],
)
async def test_a_wrong_listener_is_refused(tmp_path: Path, listener: str) -> None:
    with pytest.raises(ConfigError, match="listeners"):
        async with served_worker(tmp_path, listener):
            raise AssertionError("it listens")


async def test_one_taken_port_of_several_ends_the_start(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as first:
        with pytest.raises(EnvironmentFault) as taken:
            async with served_worker(tmp_path / "other", ANY_PORT, first.urls[0]):
                raise AssertionError("it listens")
    assert taken.value.code == "environment.port_taken"
