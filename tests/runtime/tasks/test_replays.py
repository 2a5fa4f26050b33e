"""The topic of a connector's replayed letters, and what its records tell."""

from __future__ import annotations

from connect.records import Columns, FetchedBatch
from connect.runtime.tasks.replays import (
    Place,
    headers_of,
    is_replay_topic,
    number_of,
    parted,
    place_of,
    replay_topic,
    without_replay,
)


def test_each_connector_has_a_topic_of_its_own_with_a_legal_name() -> None:
    names = ["orders", "Orders", "a/b", "a_b", "ä", "x" * 400, "x" * 401]
    topics = [replay_topic(name) for name in names]
    assert len(set(topics)) == len(names)
    assert all(len(topic) <= 249 and topic.isascii() and is_replay_topic(topic) for topic in topics)
    assert replay_topic("orders").startswith("__connect_replay_orders-")


def test_a_record_tells_where_it_came_from_first_and_only_in_a_replay_topic() -> None:
    place = Place("orders", 3, 41)
    headers = [("own", b"1"), *headers_of(place, count=2, letter="dead-0@7")]
    assert place_of(replay_topic("s"), headers) == place
    assert place_of("orders", headers) is None, "anybody may write such headers to a topic of his own"
    assert without_replay(headers) == [("own", b"1")]
    bare = headers_of(Place("orders", None, None), count=1, letter="dead-0@7")
    assert place_of(replay_topic("s"), bare) == Place("orders", None, None)


def test_headers_that_are_no_numbers_tell_nothing() -> None:
    for bad in (b"-1", b"x", b"\xff", b"", b"9" * 30, None):
        assert number_of([("n", bad)], "n") is None
    assert number_of([("n", b"1"), ("n", b"2")], "n") == 2
    assert place_of(replay_topic("s"), [("__connect.replay.count", b"1")]) is None


def test_a_batch_is_parted_by_first_topics_and_any_other_is_left_whole() -> None:
    own = [headers_of(Place(topic, 0, n), count=1, letter="d-0@0") for n, topic in enumerate("aab")]
    batch = FetchedBatch(replay_topic("s"), 0, range(5, 8), Columns([b"1", b"2", b"3"], headers=own), 9)
    runs = [(topic, list(part.offsets), list(part.columns.values), part.next_offset) for topic, part in parted(batch)]
    assert runs == [("a", [5, 6], [b"1", b"2"], 7), ("b", [7], [b"3"], 9)]
    assert all(part.columns.headers is None for _, part in parted(batch))
    plain = FetchedBatch("orders", 0, range(1), Columns([b"1"]), 1)
    ((topic, same),) = parted(plain)
    assert (topic, same is plain) == ("orders", True)
