"""Signals: what they may say, and how they travel.

Two ways lead into the stream, so a signal has its place among the changes, and one that was sent while the connector
was down is found when it comes back:

    POST /v1/connectors/NAME/signals ── pg_logical_emit_message('connect.signal.SLOT', JSON) ──┐
    INSERT INTO the table of signal.data.collection (id, type, data) ──────────────────────────┴── the stream

Any role of a database may emit messages, and a condition of a signal is run with the connector's rights. So a message
carries a mark that only who has the connector's config can make; the table is up to the rights on it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from connect.api import ConfigError, Signal, compile_pattern
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.pgoutput import Change, Relation

#: The most bytes of a signal's data, and the most characters of one condition and of an id.
SIGNAL_BYTES_MAX: Final = 64 << 10
CONDITION_MAX: Final = 10_000
ID_MAX: Final = 255
TYPES: Final = ("execute-snapshot", "stop-snapshot", "pause-snapshot", "resume-snapshot", "log")
_KINDS: Final = {
    "execute-snapshot": ("data-collections", "type", "additional-conditions", "additional-condition", "surrogate-key"),
    "stop-snapshot": ("data-collections", "type"),
    "pause-snapshot": ("type",),
    "resume-snapshot": ("type",),
    "log": ("message",),
}
_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Request:
    """A signal that makes sense.

    Attributes:
        type: One of `TYPES`.
        tables: Regular expressions on SCHEMA.TABLE; None: all, which only stop-snapshot has.
        conditions: Pairs of such an expression and a condition of SQL; the first that fits a table counts.
        surrogate: The column whose order a table is read in; None: that of its key.
        message: Of log.
    """

    id: str
    type: str
    tables: tuple[str, ...] | None = None
    conditions: tuple[tuple[str, str], ...] = ()
    surrogate: str | None = None
    message: str = ""


def request_of(signal: Signal) -> Request:
    """Say what is wanted.

    Raises:
        ConfigError: connector.signal_refused: there is no such signal, or not with that data.
    """
    data, type_ = signal.data, signal.type
    if type_ not in TYPES:
        raise refused(f"signal type {_shown(type_)} is none of {', '.join(TYPES)}")
    for name in data:
        if name not in _KINDS[type_]:
            raise refused(f"{type_} takes no {_shown(name)}; it takes {', '.join(_KINDS[type_])}")
    if type_ == "log":
        return Request(signal.id, type_, message=_text(data, "message", SIGNAL_BYTES_MAX))
    kind = data.get("type", "incremental")
    if not isinstance(kind, str) or kind.lower() != "incremental":
        more = "; it gives the same rows, and changes go on meanwhile" if str(kind).lower() == "blocking" else ""
        raise refused(f"{type_} of type {_shown(kind)} is not supported: incremental is the only one{more}")
    if type_ == "execute-snapshot":
        return Request(
            signal.id,
            type_,
            _patterns(data),
            _conditions(data),
            _text(data, "surrogate-key", ID_MAX) if data.get("surrogate-key") is not None else None,
        )
    return Request(signal.id, type_, _patterns(data) if data.get("data-collections") else None)


def message_of(signal: Signal, config: CdcConfig) -> str:
    """Write a signal for its way through the stream.

    Raises:
        ConfigError: It is too large.
    """
    body = {"id": signal.id, "type": signal.type, "data": dict(signal.data)}
    try:
        text = orjson.dumps({**body, "mark": _mark(body, config)})
    except (orjson.JSONEncodeError, TypeError) as error:
        raise refused(f"the data cannot be sent as JSON: {error}") from error
    if len(text) > SIGNAL_BYTES_MAX:
        raise refused(f"a signal has {SIGNAL_BYTES_MAX} bytes at most; this one has {len(text)}")
    return text.decode()


def signal_of_message(content: bytes, config: CdcConfig) -> Signal:
    """Read what `message_of` wrote.

    Raises:
        ConfigError: It is nothing of the kind, or was written by someone else.
    """
    if len(content) > SIGNAL_BYTES_MAX:
        raise refused(f"a signal has {SIGNAL_BYTES_MAX} bytes at most; this one has {len(content)}")
    found = _object(content, "the message")
    mark = found.pop("mark", None)
    if not isinstance(mark, str) or not hmac.compare_digest(mark.encode(), _mark(found, config).encode()):
        raise refused(
            "the message was not sent by POST /v1/connectors/NAME/signals with the connector's config as it is now: "
            "send it again, or insert it into the table of signal.data.collection"
        )
    return _signal(found.get("id"), found.get("type"), found.get("data"))


def signal_of_row(relation: Relation, change: Change) -> Signal:
    """Read a row that was inserted into the table of signals: the columns id, type and data, or else the first three.

    Raises:
        ConfigError: It is none.
    """
    names = [column.name for column in relation.columns]
    places = [names.index(name) if name in names else n for n, name in enumerate(("id", "type", "data"))]
    assert change.new is not None, "it was inserted"
    if max(places) >= len(change.new):
        raise refused(f"table {relation} has columns {', '.join(names)}; id, type and data are expected")
    id_, type_, data = (change.new[place] for place in places)
    if data is not None and len(data) > SIGNAL_BYTES_MAX:
        raise refused(f"a signal's data has {SIGNAL_BYTES_MAX} bytes at most; this one has {len(data)}")
    return _signal(
        id_.decode() if id_ is not None else "",
        type_.decode() if type_ is not None else "",
        _object(data, "data") if data is not None and data.strip() else {},
    )


def refused(text: str) -> ConfigError:
    """Return the error for a signal that is not taken."""
    return ConfigError(text, code="connector.signal_refused")


def _mark(body: Mapping[str, Any], config: CdcConfig) -> str:
    """Return what only who has the config can make of a body."""
    secret = hashlib.sha256("\n".join(("connect.signal", config.topic_prefix, config.reach.dsn)).encode()).digest()
    return hmac.new(secret, orjson.dumps(body, option=orjson.OPT_SORT_KEYS), "sha256").hexdigest()


def _signal(id_: Any, type_: Any, data: Any) -> Signal:
    if not isinstance(id_, str) or not isinstance(type_, str) or len(id_) > ID_MAX:
        raise refused(f"a signal's id and type are text, the id of up to {ID_MAX} characters")
    if not isinstance(data, dict):
        raise refused("a signal's data is an object")
    return Signal(id_, type_, data)


def _object(content: bytes, what: str) -> dict[str, Any]:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise refused(f"{what} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise refused(f"{what} is {_shown(found)}; an object is expected")
    return found


def _patterns(data: Mapping[str, Any]) -> tuple[str, ...]:
    patterns = data.get("data-collections")
    if not isinstance(patterns, list) or not patterns or not all(isinstance(one, str) for one in patterns):
        raise refused(
            f"data-collections is {_shown(patterns)}; a list of tables is expected, as regular expressions on "
            'SCHEMA.TABLE: {"data-collections": ["public.orders"]}'
        )
    for pattern in patterns:
        _check_pattern(pattern)
    return tuple(patterns)


def _conditions(data: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    found = []
    conditions = data.get("additional-conditions") or []
    if not isinstance(conditions, list):
        raise refused(f"additional-conditions is {_shown(conditions)}; a list is expected")
    for one in conditions:
        if not isinstance(one, dict) or set(one) != {"data-collection", "filter"}:
            raise refused(
                f"additional-conditions has {_shown(one)}; "
                '{"data-collection": TABLE, "filter": CONDITION} is expected'
            )
        pattern = _text(one, "data-collection", CONDITION_MAX)
        _check_pattern(pattern)
        found.append((pattern, _text(one, "filter", CONDITION_MAX)))
    if data.get("additional-condition") is not None:
        found.append((".*", _text(data, "additional-condition", CONDITION_MAX)))
    return tuple(found)


def _check_pattern(pattern: str) -> None:
    try:
        compile_pattern(pattern)
    except ValueError as error:
        raise refused(f"{_shown(pattern)} is no regular expression: {error}") from None


def _text(data: Mapping[str, Any], name: str, most: int) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value.strip() or "\0" in value or len(value) > most:
        raise refused(f"{name} is {_shown(value)}; text of up to {most} characters is expected")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def names(tables: Sequence[object]) -> str:
    """Return tables for a line of the log; the first of them where there are many."""
    shown = ", ".join(map(str, tables[:20]))
    return shown if len(tables) <= 20 else f"{shown} and {len(tables) - 20} more"
