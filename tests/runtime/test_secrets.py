from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from connect.api import HIDDEN, Config, Transform, hookimpl, key
from connect.api.config import Secret
from connect.runtime import secrets
from connect.runtime.plugins import PluginHost

PLUGINS = PluginHost.discover()
SINK = {"connector.class": "JdbcSinkConnector", "topics": "t"}


def test_secrets_by_declaration_and_by_name_are_hidden() -> None:
    config = {**SINK, "connection.password": "hunter2", "consumer.override.sasl.jaas.config": "x password=y;", "my.api.key": "k1234",
              "connection.url": "postgresql://u:s3cret@h/db?password=s3cret"}  # fmt: skip
    shown = secrets.masked(PLUGINS, config)
    assert shown["connection.password"] == shown["consumer.override.sasl.jaas.config"] == shown["my.api.key"] == HIDDEN
    assert shown["connection.url"] == "postgresql://u:[hidden]@h/db?password=[hidden]"
    assert shown["topics"] == "t"


class VaultConfig(Config):
    pepper: Secret = key("A secret by declaration, and not by name.")
    token: str = key("No secret, whatever its name says.", default="")


class Vault(Transform):
    config_class = VaultConfig


def test_secrets_of_transforms_and_converters_are_hidden_as_they_declare() -> None:
    host = PluginHost.discover()
    host.register(SimpleNamespace(connect_transforms=hookimpl(lambda: [Vault])), "example")
    config = {**SINK, "transforms": "v", "transforms.v.type": "Vault", "transforms.v.pepper": "k1", "transforms.v.token": "t1",
              "value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.api.key": "k2"}  # fmt: skip
    shown = secrets.masked(host, config)
    assert (shown["transforms.v.pepper"], shown["value.converter.api.key"]) == (HIDDEN, HIDDEN)
    assert (shown["transforms.v.token"], shown["value.converter"]) == ("t1", config["value.converter"])


def test_references_stay_references() -> None:
    config = {**SINK, "connection.password": "${file:/run/secrets:pg}"}
    assert secrets.masked(PLUGINS, config) == config


def test_what_was_hidden_comes_back_from_the_stored_config() -> None:
    stored = {**SINK, "connection.password": "hunter2", "connection.url": "postgresql://u:s3cret@h/db"}
    sent: dict[str, str | None] = {**secrets.masked(PLUGINS, stored), "batch.size": "5"}
    assert secrets.unmasked(PLUGINS, sent, stored) == {**stored, "batch.size": "5"}


def test_a_remembered_secret_is_taken_out_of_any_text() -> None:
    secrets.remember(PLUGINS, {**SINK, "connection.password": "corr3ct-h0rse"})
    assert secrets.redact("login failed for 'corr3ct-h0rse'") == f"login failed for '{HIDDEN}'"
    assert (
        secrets.redact("cannot reach postgresql://u:other@h/db now") == "cannot reach postgresql://u:[hidden]@h/db now"
    )


def test_a_password_that_is_shown_anyway_leaves_messages_readable() -> None:
    secrets.remember(PLUGINS, {**SINK, "connection.user": "elephant", "connection.password": "elephant"})
    assert secrets.redact("the elephant database refuses [elephant.refused]").count("elephant") == 2


def test_a_secret_that_begins_another_does_not_uncover_it() -> None:
    secrets.add(["aaaa", "aaaa-bbbb"])
    assert secrets.redact("x aaaa-bbbb y") == f"x {HIDDEN} y"


@given(st.text(min_size=secrets.REMEMBERED_CHARS_MIN), st.text(), st.text())
def test_no_text_shows_a_remembered_secret(secret: str, before: str, after: str) -> None:
    if secrets.is_reference(secret) or secret in HIDDEN:
        return
    secrets.add([secret])
    redacted = secrets.redact(before + secret + after)
    assert secret not in redacted.replace(HIDDEN, "\0") or secret in before + "\0" + after
