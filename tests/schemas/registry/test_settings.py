"""The keys of a registry's client: what they come to, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import ConfigError
from connect_schemas.registry.settings import ClientSettings, RegistryConfig
from connect_schemas.registry.tokens import TokenSettings

URL = "http://127.0.0.1:8081"


def settings(**config: Any) -> ClientSettings:
    return RegistryConfig.parse({"schema.registry.url": URL, **config}).client_settings()


def test_several_addresses_are_a_list_without_slashes_at_the_end() -> None:
    found = settings(**{"schema.registry.url": "http://a:1/, https://b/apis/ccompat/v7/"})
    assert found.urls == ("http://a:1", "https://b/apis/ccompat/v7")


def test_user_and_password_of_the_address_are_taken_out_of_it() -> None:
    found = settings(**{"schema.registry.url": "http://me:p%40ss@a:1,http://b:2"})
    assert (found.urls, found.login) == (("http://a:1", "http://b:2"), "me:p@ss")
    assert "p@ss" not in repr(found)


@pytest.mark.parametrize("prefix", ["", "schema.registry."])
def test_user_info_counts_with_the_prefix_and_without(prefix: str) -> None:
    keys = {f"{prefix}basic.auth.credentials.source": "USER_INFO", f"{prefix}basic.auth.user.info": "me:secret"}
    assert settings(**keys).login == "me:secret"
    assert settings(**{f"{prefix}basic.auth.user.info": "me:secret"}).login == "me:secret"


def test_the_source_says_which_of_two_logins_counts() -> None:
    both = {"schema.registry.url": "http://u:1@a:1", "basic.auth.user.info": "v:2"}
    assert settings(**both, **{"basic.auth.credentials.source": "URL"}).login == "u:1"
    assert settings(**both, **{"basic.auth.credentials.source": "USER_INFO"}).login == "v:2"


def test_a_token_goes_with_its_cluster_and_pool() -> None:
    found = settings(
        **{
            "bearer.auth.credentials.source": "STATIC_TOKEN",
            "bearer.auth.token": "t0ken",
            "bearer.auth.logical.cluster": "lsrc-1",
            "bearer.auth.identity.pool.id": "pool-1",
            "request.header.X-Mine": "yes",
        }
    )
    assert (found.token, found.login) == ("t0ken", "")
    assert dict(found.headers) == {
        "target-sr-cluster": "lsrc-1",
        "Confluent-Identity-Pool-Id": "pool-1",
        "X-Mine": "yes",
    }


def test_times_are_seconds_and_minus_one_never_ends() -> None:
    found = settings(**{"http.read.timeout.ms": "500", "latest.cache.ttl.sec": "30"})
    assert (found.read_timeout_s, found.latest_ttl_s, settings().latest_ttl_s) == (0.5, 30.0, None)


def test_a_proxy_needs_host_and_port() -> None:
    assert settings(**{"proxy.host": "p", "proxy.port": "3128"}).proxy == "http://p:3128"
    assert settings(**{"proxy.host": "p"}).proxy is None


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"schema.registry.url": ""}, "schema.registry.url is empty"),
        ({"schema.registry.url": "registry:8081"}, "http://HOST:PORT"),
        ({"schema.registry.url": "mock://tests"}, "a registry inside of Java's tests"),
        ({"basic.auth.credentials.source": "SASL_INHERIT"}, "basic.auth.user.info, with USER_INFO"),
        ({"basic.auth.credentials.source": "NO"}, "one of URL, USER_INFO is expected"),
        ({"basic.auth.credentials.source": "USER_INFO"}, "needs basic.auth.user.info"),
        ({"basic.auth.user.info": "nobody"}, r"\[hidden\].*user:password"),
        ({"bearer.auth.credentials.source": "OAUTHBEARER", "bearer.auth.token": "t"}, "needs bearer.auth.client.id"),
        ({"bearer.auth.credentials.source": "CUSTOM"}, "a class of Java"),
        ({"bearer.auth.credentials.source": "SASL_OAUTHBEARER_INHERIT"}, "with OAUTHBEARER"),
        ({"bearer.auth.credentials.source": "MINE"}, "one of STATIC_TOKEN, OAUTHBEARER is expected"),
        (
            {
                "bearer.auth.credentials.source": "OAUTHBEARER",
                "bearer.auth.client.id": "me",
                "bearer.auth.client.secret": "s",
                "bearer.auth.issuer.endpoint.url": "http://idp.example/token",
            },
            "https://HOST/PATH is expected",
        ),
        (
            {
                "bearer.auth.credentials.source": "OAUTHBEARER",
                "bearer.auth.client.id": "me",
                "bearer.auth.client.secret": "s",
                "bearer.auth.issuer.endpoint.url": "https://me:s3cret@idp.example/token",
            },
            "^(?!.*s3cret).*https://HOST/PATH is expected",
        ),
        ({"rule.executors": "enc"}, "rules of the registry are not carried out"),
        ({"csfle.enabled": "true"}, "those that encrypt fields neither"),
        ({"rule.actions": "dlq"}, "rules of the registry are not carried out"),
        ({"schema.registry.propagate.schema.tags": "true"}, "false is expected"),
        ({"schema.reflection": "TRUE"}, "classes of Java"),
        ({"context.name.strategy": "com.example.Mine"}, "http://HOST:PORT/contexts/NAME"),
        ({"schema.registry.ssl.cipher.suites": "TLS_AES_128_GCM_SHA256"}, "suites are those of OpenSSL"),
        ({"schema.registry.ssl.enabled.protocols": "TLSv1.1"}, "TLSv1.2 or TLSv1.3 is expected"),
        ({"bearer.auth.credentials.source": "STATIC_TOKEN"}, "needs bearer.auth.token"),
        ({"basic.auth.credentials.source": "URL", "bearer.auth.credentials.source": "STATIC_TOKEN"}, "Only one of"),
        ({"request.header.X-A": "b\nc"}, "request.header.X-A: no header"),
        ({"request.header.X-A": "caf\u00e9"}, "request.header.X-A: no header"),
        ({"bearer.auth.credentials.source": "STATIC_TOKEN", "bearer.auth.token": "a\nb"}, r"\[hidden\].*visible"),
        (
            {
                "bearer.auth.credentials.source": "STATIC_TOKEN",
                "bearer.auth.token": "t",
                "bearer.auth.logical.cluster": "caf\u00e9",
            },
            "bearer.auth.logical.cluster: it is sent as a header",
        ),
        ({"schema.registry.ssl.truststore.type": "JKS"}, "PEM is expected"),
        ({"schema.registry.ssl.keystore.location": "/tmp/k.p12"}, "PEM is expected"),
        ({"schema.registry.ssl.keystore.certificate.chain": "x"}, "needs schema.registry.ssl.keystore.key"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(config: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        settings(**config)


def test_a_token_and_a_header_of_a_file_lose_the_line_break_at_its_end() -> None:
    made = settings(
        **{"bearer.auth.credentials.source": "STATIC_TOKEN", "bearer.auth.token": "t\n", "request.header.X-A": "b\n"}
    )
    assert (made.token, made.headers) == ("t", (("X-A", "b"),))


def test_settings_that_are_equal_are_one_key() -> None:
    assert len({settings(), settings(), settings(**{"max.retries": "1"})}) == 2


def test_keys_that_change_nothing_are_accepted() -> None:
    settings(
        **{
            "rule.executors": "",
            "propagate.schema.tags": "false",
            "context.name.strategy": "io.confluent.kafka.serializers.context.NullContextNameStrategy",
            "schema.registry.ssl.truststore.password": "changeit",
            "schema.registry.ssl.enabled.protocols": "TLSv1.2,TLSv1.1",
        }
    )


def test_tokens_of_an_issuer_have_their_client() -> None:
    found = settings(
        **{
            "schema.registry.url": "http://u:1@a:1",
            "bearer.auth.credentials.source": "OAUTHBEARER",
            "bearer.auth.issuer.endpoint.url": "https://idp/token",
            "bearer.auth.client.id": "me",
            "bearer.auth.client.secret": "s3cret",
            "bearer.auth.scope": "all",
            "bearer.auth.logical.cluster": "lsrc-1",
        }
    )
    assert found.oauth == TokenSettings("https://idp/token", "me", "s3cret", "all", 300.0)
    assert (found.login, found.token, dict(found.headers)) == ("", "", {"target-sr-cluster": "lsrc-1"})
    assert "s3cret" not in repr(found)
