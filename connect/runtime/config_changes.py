"""How two configs of a connector differ, key by key, and what putting one in the place of the other does."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import orjson

from connect.api import EnvironmentFault
from connect.credentials import write_private
from connect.runtime.plugins import PluginHost
from connect.runtime.secrets import masked

#: Of `data.dir`: what digests of secrets are made with.
KEY_FILE: Final = "plan.key"
_KEY_BYTES: Final = 32


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
        secrets: A digest of the secrets that it would set, which tells two plans apart that look the same; None where
            it sets none.
    """

    action: Literal["create", "change", "nothing"]
    etag: str | None
    changes: tuple[KeyChange, ...]
    restarts: int | None
    secrets: str | None = None


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


def hidden_values(changes: Sequence[KeyChange], after: Mapping[str, str]) -> dict[str, str]:
    """Return the values of changed keys that may not be shown."""
    return {one.key: after[one.key] for one in changes if one.key in after and after[one.key] != one.after}


def secrets_digest(key: bytes, name: str, values: Mapping[str, str]) -> str:
    """Return a digest of a connector's secrets. Without the key nobody can try which values it is of."""
    text = orjson.dumps([name, dict(values)], option=orjson.OPT_SORT_KEYS)
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def own_key(data_dir: Path) -> bytes:
    """Return the key that this worker makes digests with, in this life and the next ones. Blocks.

    Raises:
        EnvironmentFault: It can be neither read nor made.
    """
    path = data_dir / KEY_FILE
    try:
        try:
            found = bytes.fromhex(path.read_text("ascii"))
        except (FileNotFoundError, ValueError):  # of a disk that was full: another one refuses plans of before
            found = b""
        if len(found) != _KEY_BYTES:
            found = secrets.token_bytes(_KEY_BYTES)
            write_private(path, found.hex())
    except OSError as error:
        raise EnvironmentFault(
            f"the key that plans with secrets are told apart by cannot be had: {path}: {error.strerror}"
        ) from error
    return found
