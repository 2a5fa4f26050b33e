"""The output plugin pgoutput, protocol version 1: bytes of a replication stream to transactions and changes of rows.

What comes in is what the server sends behind CopyBothResponse, cut anywhere. What goes out are changes by relation, in
the order in which they came, with their values as the server's text: what that means is up to `columns`. Nothing of a
value is looked at here, so that a row costs little; whoever knows the relation turns whole columns at a time.

A transaction is sent when it is committed, whole and in one piece, one after the other in the order of their commits:

    Begin, (Relation | Type | Insert | Update | Delete | Truncate | Message)…, Commit

A relation is described in front of its first change on each connection, and again once it was altered.

Source: PostgreSQL's documentation, 55.5 Logical Streaming Replication Protocol and 55.9 its message formats.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

from connect.api import EnvironmentFault, register_code
from connect_postgres.cdc.replication import POSTGRES_EPOCH_US, server_error, server_notice

STREAM: Final = register_code(
    "postgres.stream",
    "PostgreSQL's replication stream cannot be read.",
    "Restart the task: it reads again from the last committed position. If it lasts, report it with the server's "
    "version.",
)


class Unchanged:
    """What stands for a value that the server did not send: it is stored out of line (TOAST), and did not change."""

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED: Final = Unchanged()
#: Behind every position.
NEVER: Final = 1 << 64
#: A value as the server prints it, None for null.
Text = bytes | None | Unchanged
Row = list[Any]  # of Text; Any, since columns of it are what parsers take

_MARKS: Final = {0x6E: None, 0x75: UNCHANGED}  # n, u
_FRAME: Final = struct.Struct(">BI").unpack_from
_U32: Final = struct.Struct(">I").unpack_from
_I32: Final = struct.Struct(">i").unpack_from
_U64: Final = struct.Struct(">Q").unpack_from
_BEGIN: Final = struct.Struct(">QqI").unpack_from  # final LSN, commit time, xid
_COMMIT: Final = struct.Struct(">BQQq").unpack_from  # flags, LSN of the commit, its end, commit time
_KEEPALIVE: Final = struct.Struct(">QqB").unpack_from  # end of WAL, clock, whether an answer is wanted


@dataclass(frozen=True, slots=True)
class RelationColumn:
    """A column as a Relation message tells of it.

    Attributes:
        type_oid: pg_type.oid.
        modifier: pg_attribute.atttypmod; -1 without.
        in_identity: Whether it belongs to the replica identity.
    """

    name: str
    type_oid: int
    modifier: int
    in_identity: bool


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """A table at one time of its life. Compared by identity, which is free; `is_like` looks.

    Attributes:
        identity: pg_class.relreplident: d (primary key), n (nothing), f (full), i (an index).
    """

    oid: int
    schema: str
    name: str
    identity: str
    columns: tuple[RelationColumn, ...]

    def is_like(self, other: Relation) -> bool:
        """Whether nothing that matters here is different."""
        return (self.oid, self.schema, self.name, self.identity, self.columns) == (
            other.oid,
            other.schema,
            other.name,
            other.identity,
            other.columns,
        )

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(slots=True)
class Transaction:
    """A committed transaction.

    Attributes:
        final_lsn: Where its commit record begins.
        end_lsn: Behind its commit record; 0 until Commit has come.
        commit_us: Commit time in microseconds since the Unix epoch.
        previous_lsn: Behind the transaction before it, as far as that is known.
        changes: How many changes of it have come, those included that nobody wants.
        counts: By table, how many of them are wanted, where that is counted.
    """

    xid: int
    final_lsn: int
    commit_us: int
    end_lsn: int = 0
    previous_lsn: int = 0
    changes: int = 0
    counts: dict[str, int] = field(default_factory=dict)


class Change(NamedTuple):
    """A change of one row, or of a whole table where `operation` is t.

    Attributes:
        operation: c, u, d or t, as Debezium calls them.
        number: Its place within the transaction, from 1.
        new: The row behind the change, of an insert or update.
        old: The row before it as far as the replica identity tells; None where it tells nothing.
        old_is_key: Whether `old` has the identity's columns alone, and null in all others.
    """

    operation: str
    lsn: int
    transaction: Transaction
    number: int
    new: Row | None
    old: Row | None = None
    old_is_key: bool = False


#: Makes a change of an insert's fields, for a third of what calling the class costs.
_inserted: Final = partial(tuple.__new__, Change)


@dataclass(frozen=True, slots=True)
class Message:
    """A logical message (pg_logical_emit_message). `transaction` is None where it belongs to none."""

    prefix: str
    content: bytes
    lsn: int
    transaction: Transaction | None


@dataclass(frozen=True, slots=True)
class Boundary:
    """A transaction's begin, or its end."""

    transaction: Transaction
    is_end: bool


@dataclass(slots=True)
class Resume:
    """What of the first transaction was delivered before: so many changes of it, or, where that is not known, those up
    to a position."""

    xid: int
    changes: int | None
    lsn: int


@dataclass(slots=True)
class Decoded:
    """What one call of `decode` brought.

    Attributes:
        changes: By relation, in the order of their first change.
        orders: Beside `changes`, where that is counted: each one's place among the wanted ones of its transaction, and
            among those of its table, from 1.
        noted: Changes of the tables of `Decoder.noted` that are not in `changes`, since their operation is skipped.
        count: How many changes were met, whether they are wanted or not.
        notices: What the server says beside.
    """

    changes: dict[Relation, list[Change]] = field(default_factory=dict)
    orders: dict[Relation, list[tuple[int, int]]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    boundaries: list[Boundary] = field(default_factory=list)
    noted: list[tuple[Relation, Change]] = field(default_factory=list)
    count: int = 0
    notices: list[str] = field(default_factory=list)


class Decoder:
    """Reads one stream. Not for several threads at once.

    Attributes:
        committed_lsn: Behind the last whole transaction, or as far as the server has read where it says that nothing
            came since. 0 at first.
        transaction: The one whose changes come now; None between two.
        last: The last change that came, also where it was passed over.
        wanted: Relations that were described and that nobody has judged yet (`judge`); until then `decode` goes no
            further.
        wants_answer: The server has asked for a status update; whoever sends one sets it back.
        missing_bytes: How much is needed before `decode` can go on; 0 where there may be something.
        fence: `decode` goes no further than to the first place between two transactions behind which all are committed
            at this position or later; None: as far as it can.
        noted: Names of tables, SCHEMA.TABLE, of which someone wants to know skipped changes too.
    """

    def __init__(
        self,
        committed_lsn: int,
        resume: Resume | None = None,
        *,
        skipped: frozenset[str] = frozenset(),
        with_orders: bool = False,
    ) -> None:
        """
        Args:
            committed_lsn: Where the stream begins.
            resume: What of its first transaction was delivered before.
            skipped: Operations that nobody wants.
            with_orders: Whether changes are counted by table.
        """
        self.committed_lsn = committed_lsn
        self._skipped = skipped
        self._with_orders = with_orders
        #: Whether an insert is to be looked at more closely than the quick way does.
        self._is_slow = resume is not None or with_orders or "c" in skipped
        self.transaction: Transaction | None = None
        self.last_lsn = 0
        self.wanted: Relation | None = None
        self.wants_answer = False
        self.missing_bytes = 5
        self.noted: frozenset[str] = frozenset()
        self._fence: int | None = None
        self._is_before_fence = True
        self._resume = resume
        self._data = b""
        self._at = 0
        #: What came behind `_data` and does not end a message yet.
        self._pieces: list[bytes] = []
        #: By oid: the relation, and whether its changes are wanted.
        self._relations: dict[int, tuple[Relation, bool]] = {}

    def feed(self, data: bytes) -> None:
        """Take what the server has sent. A message that comes in many pieces is put together once, when it is whole."""
        self._pieces.append(data)
        if len(data) < self.missing_bytes:
            self.missing_bytes -= len(data)
            return
        if self._at < len(self._data):
            self._pieces.insert(0, self._data[self._at :])
        self._data = b"".join(self._pieces) if len(self._pieces) > 1 else data
        self._pieces.clear()
        self._at = 0
        self.missing_bytes = 0

    @property
    def is_resuming(self) -> bool:
        """Whether what was delivered before is still passed over."""
        return self._resume is not None

    @property
    def fence(self) -> int | None:
        return self._fence

    @fence.setter
    def fence(self, lsn: int | None) -> None:
        if lsn != self._fence:
            self._fence, self._is_before_fence = lsn, True

    @property
    def is_at_fence(self) -> bool:
        """Whether `decode` has come to the fence; it returns nothing until there is another one, or none."""
        if self._fence is None or self.transaction is not None:
            return False
        return not self._is_before_fence or self.committed_lsn >= self._fence

    def judge(self, relation: Relation, *, is_wanted: bool) -> None:
        """Say whether changes of a relation are wanted, and let `decode` go on."""
        self._relations[relation.oid] = (relation, is_wanted)
        if self.wanted is relation:
            self.wanted = None

    def decode(self, count_max: int) -> Decoded:
        """Read until nothing whole is left, `count_max` changes have come, a relation is to be judged, or the fence is
        reached.

        Raises:
            EnvironmentFault: postgres.stream: it is not as the protocol has it.
            asyncpg.PostgresError: The server has ended the stream by an error. Comes before anything that the same call
                has read, so what is whole in front of it is returned by the call before.
        """
        try:
            return self._decode(count_max)
        except (struct.error, IndexError, KeyError, UnicodeDecodeError) as error:
            raise EnvironmentFault(
                f"the replication stream is not as PostgreSQL's protocol has it: {type(error).__name__}: {error}",
                code=STREAM,
            ) from error

    def _decode(self, count_max: int) -> Decoded:
        found = Decoded()
        if self.is_at_fence or self._pieces:
            return found
        changes, relations = found.changes, self._relations
        data, at, end = self._data, self._at, len(self._data)
        count = 0
        fence = NEVER if self._fence is None else self._fence
        while count < count_max and self.wanted is None:
            if at + 5 > end:
                self.missing_bytes = at + 5 - end
                break
            kind, size = _FRAME(data, at)
            stop = at + 1 + size
            if stop > end:
                self.missing_bytes = stop - end
                break
            if kind != 0x64:  # CopyData
                if kind == 0x45 and count == 0:  # ErrorResponse
                    self._at = stop
                    raise server_error(data[at + 5 : stop])
                if kind == 0x45:
                    break
                if kind == 0x4E:  # NoticeResponse
                    found.notices.append(server_notice(data[at + 5 : stop]))
                at = stop  # CopyDone, CommandComplete, ReadyForQuery: the end is seen by the lost connection
                continue
            if data[at + 5] == 0x6B:  # keepalive
                self._keepalive(data, at + 6)
                at = stop
                if self.transaction is None and self.committed_lsn >= fence:
                    break
                continue
            tag = data[at + 30]
            if tag == 0x49:  # Insert
                relation, is_wanted = relations[_U32(data, at + 31)[0]]
                transaction = self.transaction
                transaction.changes += 1  # type: ignore[union-attr] # checked where it is None, below
                if is_wanted and not self._is_slow:
                    lsn = _U64(data, at + 6)[0]
                    row = _last_tuple(data, at + 36, stop)
                    change = _inserted(("c", lsn, transaction, transaction.changes, row, None, False))  # type: ignore[union-attr]
                    if (known := changes.get(relation)) is not None:
                        known.append(change)
                    else:
                        changes[relation] = [change]
                    self.last_lsn = lsn
                    count += 1
                else:
                    count += self._insert(data, at, relation if is_wanted else None, found, stop)
            else:
                if tag == 0x42 and _U64(data, at + 31)[0] >= fence:
                    self._is_before_fence = False
                    break
                count += self._read(tag, data, at, stop, found)
                if tag == 0x43 and self.committed_lsn >= fence:
                    at = stop
                    break
            at = stop
        self._at = at
        found.count = count
        return found

    def _keepalive(self, data: bytes, at: int) -> None:
        lsn, _, answer = _KEEPALIVE(data, at)
        if answer:
            self.wants_answer = True
        if self.transaction is None and lsn > self.committed_lsn:
            self.committed_lsn = lsn
            # A resume stays: the server may have read much of the transaction's changes, and its commit not yet.

    def _read(self, tag: int, data: bytes, at: int, stop: int, found: Decoded) -> int:
        """Read any message but an insert; return how many changes it counts for."""
        body, lsn = at + 30, _U64(data, at + 6)[0]
        if tag == 0x42:  # Begin
            final_lsn, commit_us, xid = _BEGIN(data, body + 1)
            if self.transaction is not None:
                raise KeyError("Begin within a transaction")
            self.transaction = Transaction(
                xid, final_lsn, commit_us + POSTGRES_EPOCH_US, previous_lsn=self.committed_lsn
            )
            if self._resume is not None and self._resume.xid != xid:
                self._end_resume()
            found.boundaries.append(Boundary(self.transaction, is_end=False))
            return 0
        if tag == 0x43:  # Commit
            _, _, end_lsn, _ = _COMMIT(data, body + 1)
            transaction = self._open()
            transaction.end_lsn = end_lsn
            self.committed_lsn, self.transaction = end_lsn, None
            self._end_resume()
            found.boundaries.append(Boundary(transaction, is_end=True))
            return 0
        if tag == 0x52:  # Relation
            self._describe(_relation(data, body + 1))
            return 0
        if tag in (0x55, 0x44):  # Update, Delete
            transaction = self._open()
            transaction.changes += 1
            relation, is_wanted = self._relations[_U32(data, body + 1)[0]]
            operation = "u" if tag == 0x55 else "d"
            if is_wanted and self._takes(operation, relation, lsn, transaction, found):
                change = _update(data, body + 5, stop, operation, lsn, transaction)
                found.changes.setdefault(relation, []).append(change)
            elif is_wanted and self._notes(operation, relation, lsn, transaction):
                found.noted.append((relation, _update(data, body + 5, stop, operation, lsn, transaction)))
            self.last_lsn = lsn
            return 1
        if tag == 0x54:  # Truncate
            return self._truncate(data, body + 1, lsn, found)
        if tag == 0x4D:  # Message
            return self._message(data, body + 1, stop, found)
        if tag in (0x59, 0x4F):  # Type, Origin
            return 0
        raise KeyError(f"a message of kind {chr(tag)!r}")

    def _insert(self, data: bytes, at: int, relation: Relation | None, found: Decoded, stop: int) -> int:
        """Read an insert that may not be wanted, or is to be counted; `relation` is None where its table is not."""
        lsn, transaction = _U64(data, at + 6)[0], self._open()
        self.last_lsn = lsn
        if relation is not None and self._takes("c", relation, lsn, transaction, found):
            row = _last_tuple(data, at + 36, stop)
            found.changes.setdefault(relation, []).append(Change("c", lsn, transaction, transaction.changes, row))
        elif relation is not None and self._notes("c", relation, lsn, transaction):
            row = _last_tuple(data, at + 36, stop)
            found.noted.append((relation, Change("c", lsn, transaction, transaction.changes, row)))
        return 1

    def _takes(self, operation: str, relation: Relation, lsn: int, transaction: Transaction, found: Decoded) -> bool:
        """Whether a change of a wanted table is to be delivered; counts it."""
        if operation in self._skipped:
            return False
        order = None
        if self._with_orders:
            counts, name = transaction.counts, str(relation)
            counts[name] = counts.get(name, 0) + 1
            order = (sum(counts.values()), counts[name])
        if self._was_delivered(lsn, transaction):
            return False
        if order is not None:
            found.orders.setdefault(relation, []).append(order)
        return True

    def _notes(self, operation: str, relation: Relation, lsn: int, transaction: Transaction) -> bool:
        """Whether a change that is not taken is to be noted: one that is skipped, and was not there before."""
        if operation not in self._skipped or str(relation) not in self.noted:
            return False
        resume = self._resume
        if resume is None:
            return True
        return transaction.changes > resume.changes if resume.changes is not None else lsn > resume.lsn

    def _describe(self, relation: Relation) -> None:
        known = self._relations.get(relation.oid)
        if known is None or not known[0].is_like(relation):
            self.wanted = relation

    def _truncate(self, data: bytes, at: int, lsn: int, found: Decoded) -> int:
        transaction = self._open()
        count: int = _U32(data, at)[0]
        for number in range(count):
            transaction.changes += 1
            relation, is_wanted = self._relations[_U32(data, at + 5 + 4 * number)[0]]
            if is_wanted and self._takes("t", relation, lsn, transaction, found):
                found.changes.setdefault(relation, []).append(Change("t", lsn, transaction, transaction.changes, None))
        self.last_lsn = lsn
        return count

    def _message(self, data: bytes, at: int, stop: int, found: Decoded) -> int:
        is_transactional = data[at] & 1
        (lsn,) = _U64(data, at + 1)
        prefix, at = _string(data, at + 9)
        (size,) = _U32(data, at)
        if at + 4 + size != stop:
            raise IndexError("a logical message is cut")
        transaction = self._open() if is_transactional else None
        if transaction is not None:
            transaction.changes += 1
            self.last_lsn = lsn
            if self._was_delivered(lsn, transaction):
                return 1
        elif self.transaction is None:
            # Sent at its place among the commits, so whatever was committed before has come; `lsn` lies behind it.
            self.committed_lsn = max(self.committed_lsn, lsn)
        found.messages.append(Message(prefix, data[at + 4 : stop], lsn, transaction))
        return 1

    def _was_delivered(self, lsn: int, transaction: Transaction) -> bool:
        """Whether a change of the transaction that streaming resumed in was delivered before."""
        resume = self._resume
        if resume is None:
            return False
        if resume.changes is not None:
            if transaction.changes <= resume.changes:
                return True
        elif lsn <= resume.lsn:
            if lsn == resume.lsn:  # several rows may share a position: the others come again rather than never
                self._end_resume()
            return True
        self._end_resume()
        return False

    def _end_resume(self) -> None:
        self._resume = None
        self._is_slow = self._with_orders or "c" in self._skipped

    def _open(self) -> Transaction:
        if self.transaction is None:
            raise KeyError("a change outside of a transaction")
        return self.transaction


def _last_tuple(data: bytes, at: int, stop: int) -> Row:
    """Read TupleData that goes up to `stop`.

    Text from the server has no NUL in it, and a value of less than 64 KiB begins with b't', two zeros and two bytes of
    its size; so a split at b't\\0\\0' cuts in front of each such value and nowhere else, in one call for all of them.
    What is null or unchanged is one letter behind the value in front of it.
    """
    parts = data[at:stop].split(b"t\0\0")
    if len(parts) - 1 == data[at] << 8 | data[at + 1]:
        last = parts[-1]
        if len(parts) > 1 and len(last) != (last[0] << 8 | last[1]) + 2:
            raise IndexError(f"the last value of a row ends before or behind its message, at {stop}")
        del parts[0]
        return [part[2:] for part in parts]
    return _split_tuple(parts) or _whole_tuple(data, at, stop)


def _split_tuple(parts: list[bytes]) -> Row | None:
    """Take what is null or unchanged from between the values; None where a value is 64 KiB long or longer."""
    first = parts[0]
    count = first[0] << 8 | first[1]
    if len(first) - 2 > count:
        return None  # a large value, which is not to be looked at letter by letter
    row: Row = [_MARKS[mark] for mark in first[2:] if mark in _MARKS]
    left = len(first) - 2 - len(row)
    for part in parts[1:]:
        size = (part[0] << 8 | part[1]) + 2
        row.append(part[2:size])
        if len(part) - size > count:
            return None
        if len(part) != size:
            marks = part[size:]
            row += [_MARKS[mark] for mark in marks if mark in _MARKS]
            left += max(len(part) - size, size - len(part)) - sum(mark in _MARKS for mark in marks)
    return row if not left and len(row) == count else None


def _whole_tuple(data: bytes, at: int, stop: int) -> Row:
    row, behind = _tuple(data, at)
    if behind != stop:
        raise IndexError(f"a row ends at {behind}, its message at {stop}")
    return row


def _tuple(data: bytes, at: int) -> tuple[Row, int]:
    """Read TupleData; return the row and the position behind it."""
    count = data[at] << 8 | data[at + 1]
    at += 2
    row: Row = []
    add = row.append
    for _ in range(count):
        kind = data[at]
        if kind == 0x74:  # t
            start = at + 5
            at = start + _U32(data, at + 1)[0]
            add(data[start:at])
        elif kind == 0x6E:  # n
            at += 1
            add(None)
        elif kind == 0x75:  # u
            at += 1
            add(UNCHANGED)
        else:
            raise KeyError(f"a value of kind {chr(kind)!r}")
    return row, at


def _update(data: bytes, at: int, stop: int, operation: str, lsn: int, transaction: Transaction) -> Change:
    """Read an Update or Delete behind its relation's oid."""
    old: Row | None = None
    new: Row | None = None
    is_key = False
    if (kind := data[at]) in (0x4B, 0x4F):  # K, O
        is_key = kind == 0x4B
        old, at = _tuple(data, at + 1)
    if operation == "u":
        if data[at] != 0x4E:  # N
            raise KeyError("an update without a new row")
        new, at = _last_tuple(data, at + 1, stop), stop
    if at != stop:
        raise IndexError(f"a row ends at {at}, its message at {stop}")
    return Change(operation, lsn, transaction, transaction.changes, new, old, is_key)


def _relation(data: bytes, at: int) -> Relation:
    (oid,) = _U32(data, at)
    schema, at = _string(data, at + 4)
    name, at = _string(data, at)
    identity, count = chr(data[at]), data[at + 1] << 8 | data[at + 2]
    at += 3
    columns = []
    for _ in range(count):
        flags = data[at]
        column, at = _string(data, at + 1)
        columns.append(RelationColumn(column, _U32(data, at)[0], _I32(data, at + 4)[0], bool(flags & 1)))
        at += 8
    return Relation(oid, schema or "pg_catalog", name, identity, tuple(columns))


def _string(data: bytes, at: int) -> tuple[str, int]:
    end = data.find(b"\0", at)
    if end < 0:
        raise IndexError("a text without an end")
    return data[at:end].decode(), end + 1
