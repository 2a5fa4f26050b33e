"""The list of the runtime's keys is what the runtime declares."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from connect.api.functions.runtime_keys import PREFIXES, RUNTIME_KEYS, is_of_runtime
from connect.runtime.model import PluginKind
from connect.runtime.override_policies import PREFIXES as OVERRIDES
from connect.runtime.tasks.topic_creation import PREFIX as TOPIC_CREATION
from connect.runtime.validation.enrichment import CONVERTERS, MEMBERS
from connect.runtime.validation.validator import framework_of, own_configs


@pytest.mark.parametrize("kind", [PluginKind.SOURCE, PluginKind.SINK])
def test_the_keys_of_connectors_are_those_that_the_runtime_declares(kind: PluginKind) -> None:
    desc: Any = SimpleNamespace(kind=kind)
    declared = {name for config in (framework_of(desc), *own_configs(desc)) for name in config.keys()}  # noqa: SIM118
    assert declared == RUNTIME_KEYS[kind.value]


def test_the_prefixes_are_those_of_the_runtimes_parts() -> None:
    members = (f"{prefix}." for prefix, _, _ in MEMBERS)
    converters = (f"{which}." for which, _, _ in CONVERTERS)
    assert set(PREFIXES) == {*members, *converters, *OVERRIDES.values(), TOPIC_CREATION}


def test_a_key_of_a_part_is_the_runtimes_of_a_connector_alone() -> None:
    assert is_of_runtime("sink", "transforms.mask.type")
    assert is_of_runtime("transform", "negate")
    assert not is_of_runtime("transform", "transforms.mask.type")
    assert not is_of_runtime("source", "topics")
