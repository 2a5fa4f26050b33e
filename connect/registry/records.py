"""The records of the topic `_schemas`, in Confluent's format: keys and values are JSON, the key says which kind it is.

    {"keytype":"SCHEMA","subject":"orders-value","version":1,"magic":1}
    {"subject":"orders-value","version":1,"id":1,"schemaType":"AVRO","schema":"\\"string\\"","deleted":false}

    {"keytype":"CONFIG","subject":"orders-value","magic":0}         {"subject":…,"compatibilityLevel":"FULL"}
    {"keytype":"MODE","subject":"orders-value","magic":0}           {"subject":…,"mode":"READONLY"}
    {"keytype":"DELETE_SUBJECT","subject":…,"magic":0}              {"subject":…,"version":3}
    {"keytype":"CLEAR_SUBJECT","subject":…,"magic":0}               {"subject":…}
    {"keytype":"CONTEXT","tenant":"default","context":".test"}      {"tenant":"default","context":".test"}
    {"keytype":"NOOP","magic":0}                                    null

The order of the members is part of the format: compaction goes by a key's bytes. A member that is null or empty is left
out, so the global config has no subject in its key. A value of null deletes what the key names.

Source: Confluent Platform 8, "Schema Registry concepts", and dumps of topics that it has written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any, Final, Literal
from uuid import UUID

import orjson

from connect.json_depth import depth_exceeds
from connect.registry.errors import LEVELS

KeyType = Literal["SCHEMA", "CONFIG", "MODE", "DELETE_SUBJECT", "CLEAR_SUBJECT", "CONTEXT", "NOOP"]
_KEY_TYPES: Final = ("SCHEMA", "CONFIG", "MODE", "DELETE_SUBJECT", "CLEAR_SUBJECT", "CONTEXT", "NOOP")
_TENANT: Final = "default"
_MAGIC: Final = {"SCHEMA": 1}
_INT_MAX: Final = 2**31 - 1
#: What is nested deeper is read and cannot be written again; the registry's own have a few levels.
_DEPTH_MAX: Final = 128
#: A record that is written: key, and value or None.
Record = tuple[bytes, bytes | None]
#: What is the same for schemas that get one id: the type, and the hash. One text can be a schema of several types.
Content = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Key:
    """What a record is about. `subject` is None for what is global, `version` is 0 for all but schemas, and of a
    context `subject` is its name."""

    keytype: KeyType
    subject: str | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Reference:
    """A schema that another one uses: by which name it does, and where it is."""

    name: str
    subject: str
    version: int

    def body(self) -> dict[str, Any]:
        """Return the JSON of it."""
        return {"name": self.name, "subject": self.subject, "version": self.version}


@dataclass(frozen=True, slots=True)
class StoredSchema:
    """One version of a subject, as its record has it."""

    subject: str
    version: int
    id: int
    schema_type: str
    schema: str
    references: tuple[Reference, ...] = ()
    metadata: Mapping[str, Any] | None = None
    rule_set: Mapping[str, Any] | None = None
    deleted: bool = False
    timestamp_ms: int = field(default=0, compare=False)
    #: What is the same for schemas that get one id: text, references, metadata and rules. It is asked of every version
    #: of a subject for each schema that is registered or looked up.
    hash: bytes = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        own = content_hash(self.schema, self.references, self.metadata, self.rule_set)
        object.__setattr__(self, "hash", own)

    @property
    def content(self) -> Content:
        """What is the same for schemas that get one id."""
        return self.schema_type, self.hash


class UnreadableError(Exception):
    """A record that is none of the registry's."""


# -- written -----------------------------------------------------------------------------------------------------------


def key_bytes(key: Key) -> bytes:
    """Return a record's key."""
    body: dict[str, Any] = {"keytype": key.keytype}
    if key.keytype == "CONTEXT":
        return orjson.dumps(body | {"tenant": _TENANT, "context": key.subject})
    if key.subject:
        body["subject"] = key.subject
    if key.keytype == "SCHEMA":
        body["version"] = key.version
    return orjson.dumps(body | {"magic": _MAGIC.get(key.keytype, 0)})


def schema_record(schema: StoredSchema) -> Record:
    """Return the record of a version."""
    body = {
        "subject": schema.subject,
        "version": schema.version,
        "id": schema.id,
        "schemaType": schema.schema_type,
        "references": [reference.body() for reference in schema.references],
        "metadata": schema.metadata,
        "ruleSet": schema.rule_set,
        "schema": schema.schema,
        "deleted": schema.deleted,
    }
    return key_bytes(Key("SCHEMA", schema.subject, schema.version)), _value(body)


def config_record(subject: str | None, config: Mapping[str, Any]) -> Record:
    """Return the record of a config."""
    return key_bytes(Key("CONFIG", subject)), _value({"subject": subject, **config})


def mode_record(subject: str | None, mode: str) -> Record:
    """Return the record of a mode."""
    return key_bytes(Key("MODE", subject)), _value({"subject": subject, "mode": mode})


def delete_subject_record(subject: str, version: int) -> Record:
    """Return the record by which all versions up to one are soft deleted."""
    return key_bytes(Key("DELETE_SUBJECT", subject)), _value({"subject": subject, "version": version})


def clear_subject_record(subject: str | None) -> Record:
    """Return the record by which what is deleted of a subject, or of all that is within its scope, is forgotten."""
    return key_bytes(Key("CLEAR_SUBJECT", subject)), _value({"subject": subject})


def context_record(context: str) -> Record:
    """Return the record that says that a context is there."""
    return key_bytes(Key("CONTEXT", context)), _value({"tenant": _TENANT, "context": context})


def tombstone(key: Key) -> Record:
    """Return the record that deletes what a key names."""
    return key_bytes(key), None


def _value(body: Mapping[str, Any]) -> bytes:
    return orjson.dumps({name: value for name, value in body.items() if value is not None and value not in ("", [])})


# -- read --------------------------------------------------------------------------------------------------------------


def read_key(raw: bytes) -> Key:
    """Read a record's key.

    Raises:
        UnreadableError: It is none of the registry's.
    """
    body = _object(raw, "key")
    keytype = body.get("keytype")
    if keytype not in _KEY_TYPES:
        raise UnreadableError(f"its keytype is {keytype!r:.40}")
    if keytype == "CONTEXT":
        return Key("CONTEXT", _text(body, "context"))
    subject = None if body.get("subject") is None else _text(body, "subject")
    if keytype != "SCHEMA":
        return Key(keytype, subject)
    if subject is None:
        raise UnreadableError("its key has no subject")
    return Key("SCHEMA", subject, _number(body, "version"))


def read_schema(key: Key, raw: bytes, timestamp_ms: int = 0) -> StoredSchema:
    """Read the value of a version.

    Raises:
        UnreadableError: It is no schema, or another one than the key says.
    """
    body = _object(raw, "value")
    subject, version = _text(body, "subject"), _number(body, "version")
    if (subject, version) != (key.subject, key.version):
        raise UnreadableError(f"its value is of version {version} of {subject!r}")
    return StoredSchema(
        subject=subject,
        version=version,
        id=_number(body, "id", least=0),
        schema_type=str(body.get("schemaType") or "AVRO"),
        schema=_text(body, "schema"),
        references=references_of(body.get("references")),
        metadata=_map(body, "metadata"),
        rule_set=_map(body, "ruleSet"),
        deleted=body.get("deleted") is True,
        timestamp_ms=timestamp_ms,
    )


def references_of(given: Any) -> tuple[Reference, ...]:
    """Read a list of references; null is an empty one.

    Raises:
        UnreadableError: It is none.
    """
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise UnreadableError("references is no list of objects")
    return tuple(Reference(_text(one, "name"), _text(one, "subject"), _number(one, "version", -1)) for one in given)


def read_config(raw: bytes) -> dict[str, Any]:
    """Read the value of a config: all that it has besides the subject, and that is not null.

    Raises:
        UnreadableError: It is none, or has a level that is not known: nothing would be compared by that.
    """
    body = {name: value for name, value in _object(raw, "value").items() if name != "subject" and value is not None}
    if "compatibilityLevel" in body:
        level = _text(body, "compatibilityLevel").upper()
        if level not in LEVELS:
            raise UnreadableError(f"compatibilityLevel is {level!r:.40}; one of {', '.join(LEVELS)} is expected")
        body["compatibilityLevel"] = level
    return body


def read_mode(raw: bytes) -> str:
    """Read the value of a mode.

    Raises:
        UnreadableError: It is none.
    """
    return _text(_object(raw, "value"), "mode")


def read_deleted_version(raw: bytes) -> int:
    """Read up to which version a subject was soft deleted.

    Raises:
        UnreadableError: It is not told.
    """
    return _number(_object(raw, "value"), "version", least=0)


def _object(raw: bytes, what: str) -> dict[str, Any]:
    if raw.count(b"[") + raw.count(b"{") > _DEPTH_MAX and depth_exceeds(raw, _DEPTH_MAX):
        raise UnreadableError(f"its {what} has more than {_DEPTH_MAX} objects and arrays inside each other")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise UnreadableError(f"its {what} is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise UnreadableError(f"its {what} is no JSON object")
    return body


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise UnreadableError(f"{name} is {type(value).__name__}; text is expected")
    return value


def _number(body: Mapping[str, Any], name: str, least: int = 1) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _INT_MAX:
        raise UnreadableError(f"{name} is {value!r:.40}; a number from {least} to {_INT_MAX} is expected")
    return value


def _map(body: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise UnreadableError(f"{name} is {type(value).__name__}; an object is expected")
    return value


# -- the hash ----------------------------------------------------------------------------------------------------------


def content_hash(
    schema: str,
    references: tuple[Reference, ...] = (),
    metadata: Mapping[str, Any] | None = None,
    rule_set: Mapping[str, Any] | None = None,
) -> bytes:
    """Return what tells schemas apart, 16 bytes; as Confluent's where there are neither metadata nor rules."""
    digest = md5(schema.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    for reference in references:
        digest.update(reference.name.encode())
        digest.update(reference.subject.encode())
        digest.update(reference.version.to_bytes(4, "big", signed=True))
    for more in (metadata, rule_set):
        if more is not None:
            digest.update(b"\1" + orjson.dumps(more, option=orjson.OPT_SORT_KEYS))
    return digest.digest()


def guid_of(schema: StoredSchema) -> str:
    """Return the id of a schema that is the same in all contexts and registries."""
    return str(UUID(bytes=schema.hash))
