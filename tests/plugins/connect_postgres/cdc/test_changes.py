"""What a reader of changes takes note of beside what it delivers: signals, and rows that were touched."""

from __future__ import annotations

from connect.api import ConfigError, Signal
from connect_postgres.cdc.catalog import Catalog
from connect_postgres.cdc.changes import ChangeReader
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.pgoutput import Decoder
from connect_postgres.cdc.records import RecordMaker
from connect_postgres.cdc.signals import message_of
from connect_postgres.cdc.touched import Touched

from .pgoutput_bytes import begin, commit, message

KEYS = {"database.hostname": "h", "database.dbname": "d", "topic.prefix": "p", "slot.name": "s"}
SIGNAL = Signal("a", "log", {"message": "m"})


def reader(**keys: str) -> ChangeReader:
    config = CdcConfig.parse({**KEYS, **{key.replace("_", "."): value for key, value in keys.items()}})
    touched = Touched(is_standby=False)
    maker = RecordMaker(config, "d")
    return ChangeReader(
        config, Decoder(0), maker, Catalog(), touched, None, tell=lambda shape: None, warn=lambda text: None
    )


def told(prefix: str, content: bytes) -> bytes:
    return message(prefix, content, is_transactional=True)


def test_a_message_to_the_slot_is_a_signal_and_no_record() -> None:
    sent = message_of(SIGNAL, CdcConfig.parse(KEYS)).encode()
    found = reader()
    batches = found.read(
        begin(1) + told("connect.signal.s", sent) + told("connect.signal.t", sent) + told("mine", b"x") + commit(1, 2)
    )
    assert found.signals == [SIGNAL]
    assert [batch.values[0]["message"]["prefix"] for batch in batches] == ["mine"]


def test_a_signal_that_cannot_be_read_is_an_error_among_them() -> None:
    found = reader()
    found.read(begin(1) + told("connect.signal.s", b"{") + commit(1, 2))
    [error] = found.signals
    assert isinstance(error, ConfigError)


def test_without_the_channel_there_are_no_signals() -> None:
    found = reader(signal_enabled_channels="jmx")
    found.read(begin(1) + told("connect.signal.s", message_of(SIGNAL, CdcConfig.parse(KEYS)).encode()) + commit(1, 2))
    assert found.signals == []
