"""`connector.client.config.override.policy`: what a connector may set of its clients by `producer.override.*`,
`consumer.override.*` and `admin.override.*`.

A policy judges names, never values, and knows each of them without its prefix. It is asked when a config is checked
(`connect.runtime.validation.client_overrides`) and again when a task starts: what was stored under another policy
does not run under this one.

Source: Kafka 4.3.1, package org.apache.kafka.connect.connector.policy; Worker.connectorClientConfigOverrides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connect.api import ConfigError
from connect.runtime.model import PluginKind

POLICY: Final = "connector.client.config.override.policy"
ALLOWLIST: Final = "connector.client.config.override.allowlist"
DEFAULT: Final = "All"
#: What comes before the name of an override, by the client that it is for.
PREFIXES: Final = {client: f"{client}.override." for client in ("producer", "consumer", "admin")}
_PACKAGE: Final = "org.apache.kafka.connect.connector.policy."
_SUFFIX: Final = "ConnectorClientConfigOverridePolicy"
_NAMES: Final = ("All", "Allowlist", "None", "Principal")
#: Who a client logs in as.
_PRINCIPAL: Final = frozenset(("sasl.jaas.config", "sasl.mechanism", "security.protocol"))


@dataclass(frozen=True, slots=True)
class OverridePolicy:
    """One policy.

    Attributes:
        name: As messages have it.
        allowed: The configs that connectors may set; None: all.
    """

    name: str
    allowed: frozenset[str] | None

    def refusal(self, config: str) -> str | None:
        """Return why a connector may not set a client's config, in Kafka's words; None where it may."""
        if self.allowed is None or config in self.allowed:
            return None
        return f"The '{self.name}' policy does not allow '{config}' to be overridden in the connector configuration."

    def check(self, kind: PluginKind, config: Mapping[str, Any]) -> None:
        """Refuse the config of a connector that is to start.

        Raises:
            ConfigError: It sets what it may not. The message has names, and no value.
        """
        refused = {
            name: told
            for prefix in (PREFIXES[client] for client in clients_of(kind, config))
            for name in config
            if name.startswith(prefix) and (told := self.refusal(name.removeprefix(prefix))) is not None
        }
        if refused:
            raise ConfigError(
                f"Client Config Overrides not allowed: {' '.join(dict.fromkeys(refused.values()))}",
                config_path=next(iter(refused)),
                hint=f"Take {', '.join(refused)} out of the connector's config, "
                f"or have {POLICY} of the worker's config changed.",
            )


def clients_of(kind: PluginKind, config: Mapping[str, Any]) -> list[str]:
    """Return the clients that work for a connector: what reads, what writes, what makes topics."""
    if kind is PluginKind.SOURCE:
        return ["producer", *(["admin"] if any(name.startswith("topic.creation.") for name in config) else [])]
    has_dead_letters = str(config.get("errors.deadletterqueue.topic.name") or "").strip()
    return ["producer", "consumer", "admin"] if has_dead_letters else ["consumer"]


def policy_name(given: str) -> str | None:
    """Return the policy that a worker's config names, by its short name or by that of its class; None for no policy."""
    short = given.removeprefix(_PACKAGE).removesuffix(_SUFFIX)
    return short if short in _NAMES else None


def check_policy(given: str | None) -> None:
    """Refuse a value of the worker's config that names no policy. Raises `ConfigError`."""
    if given is None or policy_name(given) is None:
        raise ConfigError(
            f"Invalid value {given} for configuration {POLICY}: one of {', '.join(_NAMES)} is expected; "
            "a policy of one's own is a Java class, and does not run here"
        )


def policy_of(given: str, allowlist: Collection[str]) -> OverridePolicy:
    """Return the policy of values that were checked."""
    name = policy_name(given)
    assert name is not None, given
    allowed = {"All": None, "Allowlist": frozenset(allowlist), "None": frozenset[str](), "Principal": _PRINCIPAL}
    return OverridePolicy(name, allowed[name])
