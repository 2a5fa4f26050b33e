"""Source offsets, with Debezium's keys: a config that moves here from Debezium, or back, goes on where it was.

    partition  {"server": topic.prefix}
    offset     {"lsn_commit": 123, "lsn_proc": 130, "lsn": 130, "txId": 77, "ts_usec": 1700000000123456}

`lsn_commit` lies behind the last transaction of which everything was delivered: streaming begins there, and it is what
the slot is told. Within a transaction `lsn` is the last change that was delivered of `txId`, and our own key
`tx_changes` how many of its changes that makes, since rows of one COPY share a position. Debezium's offset does
without; then what comes at `lsn` itself may come once more.

While a snapshot is under way `snapshot` is "INITIAL", and our own key `snapshot_state` says in JSON what of it is
delivered (`snapshots`). It stays until the stream has passed the snapshot's end, since changes of before are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connect.api import ConfigError
from connect_postgres.cdc.pgoutput import Resume


@dataclass(frozen=True, slots=True)
class Position:
    """Where streaming stands.

    Attributes:
        committed_lsn: Behind the last whole transaction.
        lsn: The last change that was delivered; `committed_lsn` where that was its transaction's last.
        xid: Whose change that was; None where nothing is known, or needed.
        changes: How many changes of it were delivered; 0 between transactions, None where that is not known.
        commit_us: When it was committed, in microseconds since the epoch.
    """

    committed_lsn: int
    lsn: int
    xid: int | None = None
    changes: int | None = 0
    commit_us: int | None = None

    def to_offset(self) -> dict[str, Any]:
        """Return the offset, without what belongs to a snapshot."""
        offset: dict[str, Any] = {"lsn_commit": self.committed_lsn, "lsn_proc": self.lsn, "lsn": self.lsn}
        if self.xid is not None:
            offset["txId"] = self.xid
        if self.changes:
            offset["tx_changes"] = self.changes
        if self.commit_us is not None:
            offset["ts_usec"] = self.commit_us
        return offset

    @classmethod
    def of_offset(cls, offset: Mapping[str, Any]) -> Position:
        """Read an offset, ours or Debezium's.

        Raises:
            ConfigError: It has no position.
        """
        lsn, committed = _number(offset, "lsn"), _number(offset, "lsn_commit")
        if lsn is None and committed is None:
            raise ConfigError(f"the offset {dict(offset)} has neither a number 'lsn' nor a number 'lsn_commit'")
        xid, changes = _number(offset, "txId"), _number(offset, "tx_changes")
        if committed is None:
            assert lsn is not None
            return cls(lsn, lsn, commit_us=_number(offset, "ts_usec"))
        # Not which is greater: changes lie in front of the commits of other transactions that ran meanwhile, and right
        # behind a commit, where it ends.
        if lsn is None or xid is None or (lsn == committed and not changes):
            return cls(committed, committed, xid, commit_us=_number(offset, "ts_usec"))
        return cls(committed, lsn, xid, changes, _number(offset, "ts_usec"))

    @property
    def resume(self) -> Resume | None:
        """What of the first transaction is not to come again."""
        if self.xid is None or self.changes == 0:
            return None
        return Resume(self.xid, self.changes, self.lsn)


def partition_of(topic_prefix: str) -> dict[str, str]:
    """Return the source partition of a connector."""
    return {"server": topic_prefix}


def _number(offset: Mapping[str, Any], key: str) -> int | None:
    value = offset.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise ConfigError(f"the offset's {key} is {value!r}; a whole number from 0 to 2^63 - 1 is expected")
    return value
