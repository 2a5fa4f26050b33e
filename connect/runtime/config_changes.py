"""How two configs of a connector differ, key by key, and what putting one in the place of the other does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from connect.runtime.plugins import PluginHost
from connect.runtime.secrets import masked


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key that differs. Values are as they may be shown.

    Attributes:
        before, after: None: it is not there.
    """

    key: str
    before: str | None
    after: str | None

    @property
    def is_hidden(self) -> bool:
        """Whether both look the same, since what differs is a secret."""
        return self.before == self.after


@dataclass(frozen=True, slots=True)
class Plan:
    """What sending a config would do.

    Attributes:
        etag: Of the config that is there; None: there is none.
        restarts: How many tasks it would restart, with their connector; None: it restarts nothing.
    """

    action: Literal["create", "change", "nothing"]
    etag: str | None
    changes: tuple[KeyChange, ...]
    restarts: int | None


def key_changes(
    plugins: PluginHost, before: Mapping[str, str] | None, after: Mapping[str, str] | None
) -> tuple[KeyChange, ...]:
    """Return the keys that differ, sorted; None is a connector that is not there."""
    before, after = before or {}, after or {}
    shown_before, shown_after = masked(plugins, before), masked(plugins, after)
    return tuple(
        KeyChange(key, shown_before.get(key), shown_after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    )
