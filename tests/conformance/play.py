"""Play one golden vector against the plugins that are installed, as the runtime would use them."""

from __future__ import annotations

import copy
import json
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from connect.api import (
    Batch,
    ConfigError,
    ConnectError,
    Converter,
    DataError,
    HeaderConverter,
    Plugin,
    Predicate,
    Record,
    SchemaError,
    SchemaProjectorError,
    Transform,
)
from connect.rest.render import config_infos
from connect.runtime.connector_config import SinkConnectorConfig, SourceConnectorConfig
from connect.runtime.factory import make_stages
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost
from connect.runtime.validation.validator import validate
from connect.runtime.worker_config import WorkerConfig
from tests.conformance.phases import PhaseFailed, Skipped
from tests.conformance.phases import in_phase as _phase
from tests.conformance.play_values import play_values
from tests.conformance.vectors import (
    Json,
    record_difference,
    record_of,
    schema_difference,
    schema_of,
    value_difference,
    value_of,
)

#: Kafka's exceptions whose kind and text count; of all others only that the call fails.
KINDS: dict[str, type[ConnectError]] = {
    "ConfigException": ConfigError,
    "DataException": DataError,
    "SchemaBuilderException": SchemaError,
    "SchemaProjectorException": SchemaProjectorError,
    "ConnectException": ConnectError,
}
DEPARTURES = Path(__file__).parent / "departures.json"


@dataclass(frozen=True)
class Outcome:
    """How one vector went: 'passed', 'failed', 'departs' or 'skipped', and what differs or why."""

    verdict: str
    why: str = ""


@cache
def plugins() -> PluginHost:
    """The installed plugins, found once."""
    return PluginHost.discover()


@cache
def departures() -> list[dict[str, Any]]:
    """What we do otherwise on purpose."""
    return cast(list[dict[str, Any]], json.loads(DEPARTURES.read_text()))


def play(vector: dict[str, Json]) -> Outcome:
    """Play one vector."""
    expected = vector["output"]
    try:
        difference = _compared(vector, expected)
    except Skipped as skipped:
        return Outcome("skipped", str(skipped))
    except PhaseFailed as failed:
        difference = _error_difference(expected, failed)
    if difference is None:
        return Outcome("passed")
    name = next(
        (d["name"] for d in departures() for rule in d.get("rules", ()) if _applies(rule, vector, difference)), None
    )
    return Outcome("failed", difference) if name is None else Outcome("departs", name)


def _applies(rule: dict[str, str], vector: dict[str, Json], difference: str) -> bool:
    """Whether a rule excuses a difference: each part that it has is a pattern that must be found."""
    texts = {
        "id": vector["id"],
        "config": json.dumps(vector.get("config")),
        "input": json.dumps(vector.get("input", vector.get("args"))),
        "output": json.dumps(vector["output"]),
        "difference": difference,
    }
    return all(re.search(pattern, texts[part]) for part, pattern in rule.items())


def _compared(vector: dict[str, Json], expected: Json) -> str | None:
    wanted_error = expected.get("error") if isinstance(expected, dict) else None
    difference = _PLAYERS[vector["op"]](vector, {} if wanted_error else expected)
    if wanted_error:
        return f"expected {wanted_error['exception']} ({wanted_error['message']}) in {wanted_error['phase']}, got none"
    return difference


def _error_difference(expected: Json, failed: PhaseFailed) -> str | None:
    error = failed.error
    text = f"{type(error).__name__} ({error}) in {failed.phase}"
    wanted = expected.get("error") if isinstance(expected, dict) else None
    if wanted is None:
        return f"expected a result, got {text}"
    if wanted["phase"] != failed.phase:
        return f"expected {wanted['exception']} ({wanted['message']}) in {wanted['phase']}, got {text}"
    kind = KINDS.get(wanted["exception"])
    if kind is None:
        return None if isinstance(error, ConnectError) else f"expected any ConnectError, got {text}"
    if not isinstance(error, kind):
        return f"expected {wanted['exception']} ({wanted['message']}), got {text}"
    if _normal(wanted["message"]) != _normal(str(error)):
        return f"message: expected {wanted['message']!r}, got {str(error)!r}"
    return None


def _normal(message: str | None) -> str:
    result = message or ""
    for departure in departures():
        for rule in departure.get("messages", ()):
            result = re.sub(rule["pattern"], rule["as"], result)
    return result


# -- plugins -------------------------------------------------------------------------------------------------------


def _made(vector: dict[str, Json], kind: PluginKind, *, is_key: bool = False, **more: Any) -> Plugin:
    desc = plugins().find(vector["class"], kind)
    if desc is None:
        raise Skipped(f"{vector['class']} is not installed")
    plugin = desc.cls()
    if isinstance(plugin, Converter):
        plugin.is_key = is_key
    _phase("configure", lambda: plugin.configure(desc.cls.config_class.parse({**vector["config"], **more})))
    return plugin


def _given(vector: dict[str, Json]) -> Record:
    return cast(Record, _phase("decode", lambda: record_of(vector["input"])))


def _transform(vector: dict[str, Json], expected: Json) -> str | None:
    transform = cast(Transform, _made(vector, PluginKind.TRANSFORM))
    record = _given(vector)
    before = copy.deepcopy(record)
    result = _phase("apply", lambda: transform.apply(record))
    if record != before and repr(record) != repr(before):
        return "the transform changed what it was given"
    return record_difference(expected, result) if expected != {} else None


def _predicate(vector: dict[str, Json], expected: Json) -> str | None:
    predicate = cast(Predicate, _made(vector, PluginKind.PREDICATE))
    record = _given(vector)
    single = _phase("test", lambda: predicate.test(record))
    answers = _phase("test", lambda: predicate.test_batch(Batch.group([record])[0]))
    batched = answers if isinstance(answers, bool) else answers[0]
    return None if single is batched is expected else f"expected {expected}, got {single} and {batched} from its batch"


def _chain(vector: dict[str, Json], expected: Json) -> str | None:
    config = vector["config"]
    for name, value in config.items():
        if name.endswith(".type") and value in _classes_to_come():
            raise Skipped(f"{value} is not installed")
    sink = config["connector.class"].endswith("SinkConnector")
    framework = SinkConnectorConfig if sink else SourceConnectorConfig
    stages = _phase("configure", lambda: make_stages(plugins(), framework.parse(config)))
    batches = Batch.group([_given(vector)])
    for stage in stages:
        batches = _phase("apply", lambda stage=stage, given=batches: [out for b in given for out in stage.apply(b)])
    records = [record for batch in batches for record in batch.records()]
    return record_difference(expected, records[0] if records else None) if expected != {} else None


@cache
def _classes_to_come() -> frozenset[str]:
    sections = json.loads((Path(__file__).parent / "vectors" / "configdefs.json").read_text())
    kinds = (PluginKind.TRANSFORM, PluginKind.PREDICATE)
    bases = {name.partition("$")[0] for name in sections if ".transforms." in name}
    missing = {n for n in bases if not any(plugins().find(n + s, *kinds) for s in ("", "$Key", "$Value"))}
    return frozenset(name for base in missing for name in (base, base + "$Key", base + "$Value"))


def _converter(vector: dict[str, Json], expected: Json) -> str | None:
    method, data = vector["method"], vector["input"]
    if method.endswith("Header"):
        given = {**vector, "config": {"converter.type": "header", **vector["config"]}}
        header = cast(HeaderConverter, _made(given, PluginKind.HEADER_CONVERTER))
        if method == "toConnectHeader":
            return _decoded(expected, lambda: header.to_connect_header("topic", "h", _bytes(data)))
        schema = _phase("decode", lambda: schema_of(data["schema"]))
        value = _phase("decode", lambda: value_of(data["value"], schema))
        return _encoded(expected, lambda: header.from_connect_header("topic", "h", schema, value))
    is_key = vector["isKey"]
    which = {"converter.type": "key" if is_key else "value"}
    converter = cast(Converter, _made(vector, PluginKind.CONVERTER, is_key=is_key, **which))
    if method == "toConnectData":
        return _decoded(expected, lambda: converter.to_connect_data("topic", _bytes(data)))
    schema = _phase("decode", lambda: schema_of(data["schema"]))
    value = _phase("decode", lambda: value_of(data["value"], schema))
    return _encoded(expected, lambda: converter.from_connect_data("topic", schema, value))


def _bytes(node: Json) -> bytes | None:
    return None if node["bytes"] is None else b64decode(node["bytes"])


def _decoded(expected: Json, call: Callable[[], Any]) -> str | None:
    schema, value = _phase("convert", call)
    if expected == {}:
        return None
    if expected is None:
        return None if schema is None and value is None else f"expected null, got {schema!r} {value!r}"
    return schema_difference(expected["schema"], schema) or value_difference(expected["value"], value)


def _encoded(expected: Json, call: Callable[[], Any]) -> str | None:
    data = _phase("convert", call)
    if expected is None:
        return None if data is None else f"expected null, got {data!r}"
    if expected == {} or expected.get("nondeterministic"):
        return None
    wanted = _bytes(expected)
    if wanted == data:
        return None
    note = " (the same JSON)" if _same_json(wanted, data) else ""
    return f"bytes: expected {wanted!r}, got {data!r}{note}"


def _same_json(wanted: bytes | None, found: bytes | None) -> bool:
    try:
        return wanted is not None and found is not None and bool(json.loads(wanted) == json.loads(found))
    except ValueError:
        return False


# -- validate ------------------------------------------------------------------------------------------------------


def _validate(vector: dict[str, Json], expected: Json) -> str | None:
    """Compare the whole answer, but for texts of documentation and what departures.json excuses."""
    config = vector["config"]
    if missing := [v for v in config.values() if v in _classes_to_come() or v in _converters_to_come()]:
        raise Skipped(f"{missing[0]} is not installed")
    infos = _phase("validate", lambda: validate(plugins(), WorkerConfig.parse({}), vector["plugin"], config))
    if expected == {}:
        return None
    found = config_infos(infos)
    if difference := _first_unlike(expected, found):
        return difference
    wrong = [part for part in ("name", "error_count") if expected[part] != found[part]]
    return f"{wrong[0]}: expected {expected[wrong[0]]!r}, got {found[wrong[0]]!r}" if wrong else None


def _first_unlike(expected: Json, found: Json) -> str | None:
    ours_alone = [d["keys"] for d in departures() if "keys" in d]
    wanted = {info["value"]["name"]: info for info in expected["configs"]}
    ours = {info["value"]["name"]: info for info in found["configs"]}
    for name in sorted({*wanted, *ours}):
        if name not in wanted and any(re.search(pattern, name) for pattern in ours_alone):
            continue
        if name not in wanted or name not in ours:
            missing = "no such key"
            return f"{name}: expected {wanted.get(name, missing)}, got {ours.get(name, missing)}"
        if difference := _info_difference(wanted[name], ours[name]):
            return f"{name}: {difference}"
    # Kafka has a converter's groups in hash order.
    if sorted(expected["groups"]) != sorted(found["groups"]):
        return f"groups: expected {expected['groups']}, got {found['groups']}"
    return None


def _info_difference(wanted: Json, found: Json) -> str | None:
    for part in ("errors", "value", "visible"):
        if wanted["value"][part] != found["value"][part] and not _excused("values", wanted["value"]["name"]):
            return f"{part}: expected {wanted['value'][part]!r}, got {found['value'][part]!r}"
    # There may be more to choose from here.
    recommended = [
        each for each in wanted["value"]["recommended_values"] if each not in found["value"]["recommended_values"]
    ]
    if recommended and not _excused("values", wanted["value"]["name"]):
        return f"recommended_values: {recommended} are missing"
    for part, value in (wanted.get("definition") or {}).items():
        if (
            part in found["definition"]
            and found["definition"][part] != value
            and not (part == "default_value" and _excused("values", wanted["value"]["name"]))
        ):
            return f"{part}: expected {value!r}, got {found['definition'][part]!r}"
    return None


def _excused(kind: str, name: str) -> bool:
    return any(re.search(d[kind], name) for d in departures() if kind in d)


@cache
def _converters_to_come() -> frozenset[str]:
    sections = json.loads((Path(__file__).parent / "vectors" / "configdefs.json").read_text())
    names = {name for name in sections if name.endswith("Converter")}
    return frozenset(n for n in names if plugins().find(n, PluginKind.CONVERTER, PluginKind.HEADER_CONVERTER) is None)


_PLAYERS: dict[str, Callable[[dict[str, Json], Json], str | None]] = {
    "transform": _transform,
    "predicate": _predicate,
    "chain": _chain,
    "converter": _converter,
    "values": play_values,
    "validate": _validate,
}
