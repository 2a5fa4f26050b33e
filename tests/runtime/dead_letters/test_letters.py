"""A letter is read whatever its headers hold."""

from __future__ import annotations

from typing import Any

from connect.records import Columns, FetchedBatch
from connect.runtime import secrets
from connect.runtime.dead_letters.letters import Letter, letters_of

E = "__connect.errors."


def letter(*headers: tuple[str, bytes | None], value: bytes | None = b"v", key: bytes | None = b"k") -> Letter:
    batch = FetchedBatch("dead", 1, range(9, 10), Columns([value], [key], 77, [list(headers) or None]), 10)
    (found,) = letters_of(batch)
    return found


def told(**more: Any) -> list[tuple[str, bytes | None]]:
    own = {"connector.name": "s", "topic": "t", "partition": 0, "offset": 5, **more}
    return [(E + name.replace("_", "."), str(value).encode()) for name, value in own.items()]


def test_a_letter_tells_where_the_record_was_and_why_it_failed() -> None:
    found = letter(
        ("own", b"1"), *told(stage="TASK_PUT", cause_code="data.constraint", cause_sqlstate="23502", timestamp=99)
    )
    assert (found.address, found.topic, found.original_offset, found.failed_ms) == ("dead-1@9", "t", 5, 99)
    assert (found.cause.code, found.cause.stage, found.cause.details) == (
        "data.constraint",
        "TASK_PUT",
        {"sqlstate": "23502"},
    )
    assert found.headers == [("own", b"1")]


def test_letters_of_kafkas_connect_and_those_without_context_are_letters_too() -> None:
    kafkas = letter((E + "exception.class.name", b"org.x.E"), (E + "stage", b"TASK_PUT"))
    assert (kafkas.cause.code, kafkas.cause.exception, kafkas.cause.is_known) == ("", "org.x.E", True)
    bare = letter(value=None, key=None)
    assert (bare.cause.is_known, bare.failed_ms, bare.identity, bare.lane) == (False, 77, None, None)


def test_headers_that_cannot_be_read_are_as_if_they_were_not_there() -> None:
    bad = {"partition": "x", "offset": -3, "task_id": "9" * 40, "attempts": "²", "timestamp": ""}
    found = letter(*told(**bad), (E + "exception.message", b"\xff\xfe"), (E + "stage", None))
    assert (found.original_partition, found.original_offset, found.task, found.replays) == (None, None, None, 0)
    assert (found.failed_ms, found.cause.message, found.cause.stage) == (77, "\\xff\\xfe", "")
    huge = letter((E + "exception.stacktrace", b"x" * 1_000_000))
    assert len(huge.cause.stacktrace) == 32_768


def test_the_last_context_counts_where_a_record_was_in_two_queues() -> None:
    assert letter(*told(offset=1), *told(offset=2)).original_offset == 2


def test_known_secrets_are_not_in_what_a_letter_tells() -> None:
    secrets.add(["sehrgeheim"])
    found = letter((E + "exception.message", b"password sehrgeheim is wrong"))
    assert found.cause.message == "password [hidden] is wrong"


def test_two_letters_of_one_failure_are_known_by_place_and_content() -> None:
    one = letter(*told()).identity
    assert letter(*told(task_id=1)).identity == one
    assert len({one, *(letter(*told(**m)).identity for m in ({"offset": 6}, {"attempts": 1}, {"topic": "u"}))}) == 4
    assert letter(*told(), value=b"other").identity != one
    assert letter(*told(), value=None).identity != letter(*told(), value=b"").identity


def test_a_lane_is_key_and_destination() -> None:
    assert letter(*told(offset=1)).lane == letter(*told(offset=2)).lane
    assert letter(*told()).lane != letter(*told(), key=b"other").lane
    assert letter(*told()).lane != letter(*told(topic="u")).lane


def test_a_replayed_record_without_context_tells_of_its_first_place() -> None:
    replayed = [("__connect.replay.count", b"2"), ("__connect.replay.topic", b"t"), ("__connect.replay.offset", b"4")]
    found = letter(*replayed)  # type: ignore[arg-type]
    assert (found.replays, found.topic, found.original_offset, found.headers) == (2, "t", 4, [])


def test_a_sources_letter_tells_in_which_form_it_is() -> None:
    found = letter(*told(source_partition='{"f":1}', value_form="json"))
    assert (found.is_of_source, found.key_form, found.value_form) == (True, "json", "json")
