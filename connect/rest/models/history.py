"""The history of connectors' configs, what a config would change, and going back."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field
from typing_extensions import TypedDict

from connect.rest.models.base import Body, example
from connect.rest.models.examples import NAME, NAMED_CONFIG


class RollBack(Body, extra="forbid", json_schema_extra={"examples": [{"version": 2}]}):
    """Which version to go back to."""

    version: int = Field(description="a whole number", ge=1)
    newest: int | None = Field(
        default=None,
        description="the newest version that is known: 412 where there is another, as after a pause",
        ge=1,
    )


# -- answers -------------------------------------------------------------------------------------------------------

_CHANGE: Final[dict[str, Any]] = {"key": "batch.size", "before": "1000", "after": "5000", "hidden": False}
_VERSION: Final[dict[str, Any]] = {
    "version": 3,
    "at": 1_764_324_000_000,
    "what": "changed",
    "user": "alice",
    "address": "192.0.2.7",
    "via": "",
    "of": None,
    "state": "RUNNING",
    "changes": [_CHANGE],
    "config": NAMED_CONFIG,
}


class KeyChange(TypedDict):
    """A key that differs; null: it is not there. `hidden`: what differs is a secret, so both look the same."""

    key: str
    before: str | None
    after: str | None
    hidden: bool


@example(_VERSION)
class Version(TypedDict):
    """One version of a connector: when (`at`, ms since the epoch), what was done, and by whom.

    `what` is created, changed, resumed, paused, stopped, rolled back, deleted, or found: somebody did it without a
    history, so that nobody knows who. `user` is anonymous where REST asks for none, and file for a config file of a
    worker's command line. `address` is where the request came from; `via` the worker that has handed it on. `of` is the
    version that was rolled back to. `state` and `config` are null once it is deleted. `changes` are those since the
    version before.
    """

    version: int
    at: int
    what: str
    user: str
    address: str
    via: str
    of: int | None
    state: str | None
    changes: list[KeyChange]
    config: dict[str, str] | None


@example({"name": NAME, "etag": '"19ac2f0b41c"', "versions": [_VERSION]})
class History(TypedDict):
    """The versions of a connector that are kept, the oldest first. `etag` is of its config now, null where it is
    gone."""

    name: str
    etag: str | None
    versions: list[Version]


class Remembered(TypedDict):
    """A connector with a history, and the newest of it."""

    name: str
    version: int
    at: int
    what: str
    user: str
    exists: bool


@example(
    {
        "connectors": [
            {
                "name": NAME,
                "version": 3,
                "at": 1_764_324_000_000,
                "what": "changed",
                "user": "alice",
                "exists": True,
            }
        ]
    }
)
class Histories(TypedDict):
    """The connectors that have a history, also deleted ones."""

    connectors: list[Remembered]


@example({"name": NAME, "from": 2, "to": 3, "changes": [_CHANGE], "states": ["PAUSED", "RUNNING"]})
class Diff(TypedDict("_FromTo", {"from": int, "to": int | None})):
    """How two versions differ; `to` null is the connector as it is now. `states` are their target states, null where
    there is no connector."""

    name: str
    changes: list[KeyChange]
    states: list[str | None]


@example(
    {"name": NAME, "action": "change", "etag": '"19ac2f0b41c"', "changes": [_CHANGE], "restarts": 2, "secrets": None}
)
class Plan(TypedDict):
    """What sending a config would do: create, change or nothing.

    `etag` is of the config that is there now, null where there is none; `restarts` how many tasks it would restart
    together with the connector, null where it restarts nothing. `secrets` is a digest of the secrets that it would set,
    by a key of the worker's own, null where it sets none: it tells plans apart that look the same.
    """

    name: str
    action: str
    etag: str | None
    changes: list[KeyChange]
    restarts: int | None
    secrets: str | None
