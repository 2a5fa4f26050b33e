"""The schema registry of this worker as its page shows it, and the registries that converters use."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from connect.rest.models.base import example
from connect.rest.models.examples import NAME


@example(
    {
        "running": True,
        "urls": ["http://127.0.0.1:8081"],
        "topic": "_schemas",
        "level": "BACKWARD",
        "mode": "READWRITE",
        "contexts": ["."],
        "types": ["AVRO", "JSON", "PROTOBUF"],
        "subjects": 12,
        "trouble": None,
        "passed_over": 0,
    }
)
class RegistryInfo(TypedDict):
    """The schema registry that runs in the worker that answers; without one all but `running`, `urls` and `topic` are
    null. `level`, `mode`: where none is set for a subject or its context. `subjects`: with a version that is not
    deleted. `trouble`: why its topic cannot be read just now, or is none for a registry any more. `passed_over`:
    records of it that could not be read."""

    running: bool
    urls: list[str]
    topic: str
    level: str | None
    mode: str | None
    contexts: list[str] | None
    types: list[str] | None
    subjects: int | None
    trouble: str | None
    passed_over: int | None


_ROW: dict[str, Any] = {
    "subject": "orders-value",
    "context": ".",
    "type": "AVRO",
    "version": 3,
    "id": 7,
    "versions": 3,
    "deleted_versions": 0,
    "is_deleted": False,
    "level": "FULL",
    "level_is_own": True,
    "mode": "READWRITE",
    "mode_is_own": False,
    "references": 0,
    "referenced_by": 1,
}


class Subject(TypedDict):
    """A subject. `type`, `version`, `id`, `references` are of its newest version, one that is not deleted if there is
    any. `level`, `mode`: those in force; `..._is_own`: set for the subject itself. `referenced_by`: how many versions
    refer to one of its versions."""

    subject: str
    context: str
    type: str
    version: int
    id: int
    versions: int
    deleted_versions: int
    is_deleted: bool
    level: str
    level_is_own: bool
    mode: str
    mode_is_own: bool
    references: int
    referenced_by: int


@example({"subjects": [_ROW], "total": 12})
class Subjects(TypedDict):
    """Subjects in the order of their names, as many as were asked for, of `total`."""

    subjects: list[Subject]
    total: int


class SchemaReference(TypedDict):
    """What a schema refers to: `name` is how its text names it."""

    name: str
    subject: str
    version: int


class Referrer(TypedDict):
    """A version that refers to another."""

    subject: str
    version: int
    id: int
    deleted: bool


class SubjectVersion(TypedDict):
    """A version of a subject, without its text, of which `characters` tells the length. `at`: when it was written, ms
    since the epoch. `referenced_by`: the first 100 of `referenced_by_total`."""

    version: int
    id: int
    type: str
    deleted: bool
    at: int
    characters: int
    references: list[SchemaReference]
    referenced_by: list[Referrer]
    referenced_by_total: int


@example(
    {
        "subject": _ROW,
        "config": {"compatibilityLevel": "FULL"},
        "versions": [
            {
                "version": 3,
                "id": 7,
                "type": "AVRO",
                "deleted": False,
                "at": 1767225600000,
                "characters": 212,
                "references": [],
                "referenced_by": [{"subject": "baskets-value", "version": 1, "id": 9, "deleted": False}],
                "referenced_by_total": 1,
            }
        ],
        "versions_total": 1,
    }
)
class SubjectDetails(TypedDict):
    """A subject with the newest 1000 of its versions, the oldest first; `config`: what was set for it itself."""

    subject: Subject
    config: dict[str, Any]
    versions: list[SubjectVersion]
    versions_total: int


class RegistryUse(TypedDict):
    """A key that names a registry; `connector` is null where it is one of the worker's own config."""

    connector: str | None
    key: str


class UsedRegistry(TypedDict):
    """A registry by its addresses, as they are given, and what names it."""

    url: str
    used_by: list[RegistryUse]


@example(
    {
        "registries": [
            {
                "url": "http://registry:8081",
                "used_by": [{"connector": NAME, "key": "value.converter.schema.registry.url"}],
            }
        ]
    }
)
class UsedRegistries(TypedDict):
    """The schema registries that converters are configured with."""

    registries: list[UsedRegistry]
