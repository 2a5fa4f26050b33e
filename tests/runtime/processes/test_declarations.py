from __future__ import annotations

from typing import Any

import pytest

from connect.api import Config, ConfigKey, Converter, Secret, config_key
from connect.api.config_values import ConfigType
from connect.runtime.processes.codec import pack, unpack
from connect.runtime.processes.declarations import config_keys, declared, keys_of
from tests.support.process_plugins import CountSource, IsEven, KeepingSink, NoteSink, PatientSource, Shout


class Declared(Config):
    """All there is."""

    topic: str = config_key("Topic.", importance="high", group="G", order=3, width="LONG", display_name="The topic")
    size: int = config_key("Size.", default=3, ge=1, le=9, dependents=["topic"], formerly=["length"])
    names: list[str] = config_key("Names.", default=["a", "b"], recommended=["c"])
    password: Secret = config_key("Password.", default=Secret("secret"), internal=True)


def told(of: Any) -> Any:
    return unpack(pack(of))


def without_checks(key: ConfigKey) -> dict[str, Any]:
    return {name: getattr(key, name) for name in ConfigKey.__slots__ if name != "validators"}


def test_declared_keys_come_out_as_they_went_in() -> None:
    found = config_keys(told(keys_of(Declared)))
    expected = Declared.keys()
    for name, key in found.items():
        assert without_checks(key) == without_checks(expected[name])
        assert key.valid_values == expected[name].valid_values
    assert list(found) == list(expected)
    assert found["password"].default_text == "[hidden]"


@pytest.mark.parametrize("found", [[{}], [{"name": 1}], ["x"], [{**keys_of(Declared)[0], "type": "MOON"}], 7])
def test_nonsense_in_place_of_keys_is_refused(found: Any) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        config_keys(found)


def test_a_class_tells_what_it_overrides_and_what_of_that_is_async() -> None:
    source = declared(CountSource)
    assert source is not None
    assert set(source["methods"]) == {"check", "exactly_once_support", "alter_offsets", "signal"}
    assert source["methods"]["exactly_once_support"] == "It counts again."
    assert set(source["task"]["methods"]) == {"start", "poll", "commit", "stop"}
    patient, keeping = declared(PatientSource), declared(KeepingSink)
    assert patient is not None
    assert keeping is not None
    assert set(patient["task"]["async"]) == {"start", "poll", "stop"}
    assert set(keeping["task"]["methods"]) == {"resume_offsets", "put_batch", "put_batches"}


def test_each_kind_that_crosses_names_its_base() -> None:
    kinds = (CountSource, "SourceConnector"), (NoteSink, "SinkConnector"), (Shout, "Transform"), (IsEven, "Predicate")
    for cls, base in kinds:
        found = declared(cls)  # type: ignore[arg-type] # each is a plugin class
        assert found is not None
        assert found["base"] == base
    assert declared(Converter) is None


def test_a_type_that_the_worker_does_not_know_is_none() -> None:
    assert {key.type for key in config_keys(keys_of(Declared)).values()} <= set(ConfigType)
