from __future__ import annotations

import re
import threading
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import HIDDEN, Config, ConfigError, InvalidConfigError, Transform, config_key, hookimpl
from connect.api.config_values import Secret
from connect.runtime import secrets
from connect.runtime.plugins import PluginHost

PLUGINS = PluginHost.discover()
SINK = {"connector.class": "JdbcSinkConnector", "topics": "t"}


def test_secrets_by_declaration_and_by_name_are_hidden() -> None:
    config = {
        **SINK,
        "connection.password": "hunter2",
        "consumer.override.sasl.jaas.config": "x password=y;",
        "my.api.key": "k1234",
        "connection.url": "postgresql://u:s3cret@h/db?password=s3cret",
    }
    shown = secrets.masked(PLUGINS, config)
    assert shown["connection.password"] == shown["consumer.override.sasl.jaas.config"] == shown["my.api.key"] == HIDDEN
    assert shown["connection.url"] == "postgresql://u:[hidden]@h/db?password=[hidden]"
    assert shown["topics"] == "t"


class VaultConfig(Config):
    pepper: Secret = config_key("A secret by declaration, and not by name.")
    token: str = config_key("No secret, whatever its name says.", default="")
    salt: Secret | None = config_key("A secret that had another name.", default=None, formerly=["grain"])


class Vault(Transform):
    config_class = VaultConfig


def test_a_key_that_is_a_secret_by_its_name_and_not_by_its_type_is_told() -> None:
    class Declared(Config):
        api_key: str = config_key("Shown.", default="")
        passphrase: str = config_key("Shown.", default="")
        token: Secret = config_key("Hidden.", default=Secret(""))
        token_count: int = config_key("A number.", default=1)
        topic: str = config_key("A topic.", default="")

    assert [name for name, key in Declared.keys().items() if secrets.is_untyped(key)] == ["api.key", "passphrase"]


def test_secrets_of_transforms_and_converters_are_hidden_as_they_declare() -> None:
    host = PluginHost.discover()
    host.register(SimpleNamespace(connect_transforms=hookimpl(lambda: [Vault])), "example")
    config = {
        **SINK,
        "transforms": "v",
        "transforms.v.type": "Vault",
        "transforms.v.pepper": "k1",
        "transforms.v.grain": "k3",
        "transforms.v.token": "t1",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.api.key": "k2",
    }
    shown = secrets.masked(host, config)
    assert shown["transforms.v.grain"] == HIDDEN
    assert (shown["transforms.v.pepper"], shown["value.converter.api.key"]) == (HIDDEN, HIDDEN)
    assert (shown["transforms.v.token"], shown["value.converter"]) == ("t1", config["value.converter"])


def test_references_stay_references() -> None:
    config = {**SINK, "connection.password": "${file:/run/secrets:pg}"}
    assert secrets.masked(PLUGINS, config) == config


def test_keys_of_a_class_that_is_a_reference_are_hidden_since_nobody_knows_them() -> None:
    config = {
        **SINK,
        "transforms.v.type": "${env:TRANSFORM}",
        "transforms.v.pepper": "k1",
        "transforms.v.salt": "${env:SALT}",
        "value.converter": "${env:CONVERTER}",
        "value.converter.x": "k2",
        "transforms.w.x": "open",
    }
    shown = secrets.masked(PLUGINS, config)
    assert (shown["transforms.v.pepper"], shown["value.converter.x"]) == (HIDDEN, HIDDEN)
    open_keys = ("transforms.v.type", "transforms.v.salt", "value.converter", "transforms.w.x")
    assert all(shown[key] == config[key] for key in open_keys)


def test_what_was_hidden_comes_back_from_the_stored_config() -> None:
    stored = {**SINK, "connection.password": "hunter2", "connection.url": "postgresql://u:s3cret@h/db"}
    sent: dict[str, str | None] = {**secrets.masked(PLUGINS, stored), "batch.size": "5"}
    assert secrets.unmasked(PLUGINS, sent, stored) == {**stored, "batch.size": "5"}


def problems_of(sent: dict[str, str | None], stored: dict[str, str]) -> list[str]:
    with pytest.raises(InvalidConfigError) as refused:
        secrets.unmasked(PLUGINS, sent, stored)
    assert all(problem.key in problem.message for problem in refused.value.problems)
    return [problem.key for problem in refused.value.problems]


def test_a_mask_where_no_secret_is_known_is_refused_with_its_key() -> None:
    stored = {**SINK, "connection.password": "hunter2", "connection.url": "postgresql://u:s3cret@h/db"}
    shown: dict[str, str | None] = dict(secrets.masked(PLUGINS, stored))
    assert problems_of(shown, {}) == ["connection.password", "connection.url"]
    assert problems_of({**shown, "connection.url": "postgresql://u:[hidden]@evil/db"}, stored) == ["connection.url"]
    assert problems_of({**shown, "topics": "[hidden]", "x.token": "[hidden]"}, stored) == ["topics", "x.token"]
    assert problems_of({**shown, "connection.password": "x[hidden]"}, stored) == ["connection.password"]
    assert problems_of({**SINK, "connection.password": "[hidden]"}, {**SINK, "connection.password": "[hidden]"}) == [
        "connection.password"
    ]


def test_no_secret_goes_to_a_class_that_would_show_it() -> None:
    host = PluginHost.discover()
    host.register(SimpleNamespace(connect_transforms=hookimpl(lambda: [Vault])), "example")
    stored = {**SINK, "transforms": "v", "transforms.v.type": "Vault", "transforms.v.pepper": "k1234"}
    sent: dict[str, str | None] = {
        **secrets.masked(host, stored),
        "transforms.v.type": "org.apache.kafka.connect.transforms.Filter",
    }
    with pytest.raises(InvalidConfigError, match=r"transforms\.v\.pepper"):
        secrets.unmasked(host, sent, stored)


def test_secrets_of_classes_that_are_not_installed_are_known_by_their_names() -> None:
    config = {
        "connector.class": "com.example.Gone",
        "transforms": "t",
        "transforms.t.type": "com.example.AlsoGone",
        "db.dbPassword": "A123",
        "transforms.t.apiKey": "B123",
        "value.converter": "com.example.Avro",
        "value.converter.schema.registry.basic.auth.user.info": "u:C123",
        "target": "jdbc:oracle:thin:scott/D123@//h:1/s",
        "producer.override.sasl.jaas.config": 'x password="E123";',
    }
    shown = str(secrets.masked(PLUGINS, config))
    assert not [secret for secret in "ABCDE" if f"{secret}123" in shown]


def test_a_password_inside_a_url_is_known_to_messages_in_every_form_that_drivers_quote() -> None:
    secrets.remember(PLUGINS, {**SINK, "connection.url": "postgresql://u:c0rr%40ct@h/db?password=h%2Frse"})
    for form in ("c0rr%40ct", "c0rr@ct", "h%2Frse", "h/rse"):
        assert secrets.redact(f"login failed with {form}") == f"login failed with {HIDDEN}"


def test_a_secret_is_known_as_json_and_source_code_quote_it() -> None:
    secrets.remember(PLUGINS, {**SINK, "connection.password": 'b4ck\\sl"ash-ü'})
    for form in ('b4ck\\sl"ash-ü', 'b4ck\\\\sl\\"ash-ü', 'b4ck\\\\sl\\"ash-\\u00fc', 'b4ck\\\\sl"ash-ü'):
        assert secrets.redact(f'{{"note":"{form}"}}') == f'{{"note":"{HIDDEN}"}}'


def test_an_error_about_a_config_that_never_ran_quotes_none_of_its_secrets() -> None:
    config = {**SINK, "connection.password": "n3verseen", "connection.url": "postgresql://u:never two@h"}
    with pytest.raises(ConfigError) as raised, secrets.kept_out(PLUGINS, config):
        raise ConfigError("n3verseen and never two and never%20two")
    assert raised.value.message == f"{HIDDEN} and {HIDDEN} and {HIDDEN}"


def test_a_remembered_secret_is_taken_out_of_any_text() -> None:
    secrets.remember(PLUGINS, {**SINK, "connection.password": "corr3ct-h0rse"})
    assert secrets.redact("login failed for 'corr3ct-h0rse'") == f"login failed for '{HIDDEN}'"
    assert (
        secrets.redact("cannot reach postgresql://u:other@h/db now") == "cannot reach postgresql://u:[hidden]@h/db now"
    )


def test_a_secret_that_is_noted_while_another_thread_looks_through_a_text_is_taken_out_of_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began, going = threading.Event(), threading.Event()

    def slow(text: str) -> re.Pattern[str]:
        began.set()
        assert going.wait(30)
        return re.compile(text)

    secrets.add(["the-first-one"])
    monkeypatch.setattr(secrets, "_pattern", None)
    monkeypatch.setattr(secrets, "re", SimpleNamespace(compile=slow, escape=re.escape))
    looking = threading.Thread(target=secrets.redact, args=("a text",))
    adding = threading.Thread(target=secrets.add, args=(["the-second-one"],))
    looking.start()
    assert began.wait(30)
    adding.start()
    adding.join(0.2)
    going.set()
    for thread in (looking, adding):
        thread.join(30)
    assert secrets.redact("the-first-one, the-second-one") == f"{HIDDEN}, {HIDDEN}"


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
