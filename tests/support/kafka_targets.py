"""Where the crash kit's records arrive on a cluster: in a topic, which a client of its own reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, KafkaException, TopicPartition

from connect.testing.crash import Seen
from connect.testing.crash.targets import parse_text

ANSWER_S = 30.0


def committed(bootstrap: str, topic: str, partition: int = 0) -> list[bytes | None]:
    """Read a partition from its beginning to its end, as whoever reads committed records alone."""
    client = _client(bootstrap, topic)
    client.assign([TopicPartition(topic, partition, 0)])
    found: list[bytes | None] = []
    try:
        while True:
            message = client.poll(ANSWER_S)
            assert message is not None, f"neither a record nor the end within {ANSWER_S:g} s"
            if message.error() is None:
                found.append(message.value())
            elif message.error().name() == "_PARTITION_EOF":
                return found
            else:
                assert message.error().retriable(), message.error()
    finally:
        client.close()


class TopicTarget:
    """A topic on a cluster, in the place of `LogTarget`: what a `read_committed` consumer reads."""

    def __init__(
        self, bootstrap: str, topic: str, parse: Callable[[bytes], Seen | None] = parse_text, *, partitions: int = 1
    ) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._parse = parse
        self._partitions = range(partitions)
        self._asking: Consumer | None = None

    def seen(self) -> Sequence[Seen]:
        """Return the records of committed transactions and of none, up to the first transaction that is open."""
        if not self.count():
            return []
        values = [value for number in self._partitions for value in committed(self._bootstrap, self._topic, number)]
        return [found for value in values if value is not None and (found := self._parse(value)) is not None]

    def count(self) -> int:
        """Return the log end offsets, added up."""
        self._asking = self._asking or _client(self._bootstrap, self._topic)
        try:
            ends = [
                self._asking.get_watermark_offsets(TopicPartition(self._topic, number), ANSWER_S)[1]
                for number in self._partitions
            ]
        except KafkaException as error:  # there is no topic yet
            assert error.args[0].name() in ("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_PARTITION", "_UNKNOWN_TOPIC"), error
            return 0
        return sum(ends)


def _client(bootstrap: str, topic: str) -> Consumer:
    configs = {
        "bootstrap.servers": bootstrap,
        "group.id": f"{topic}-check",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "allow.auto.create.topics": False,
        "log_level": 0,
    }
    return Consumer(configs)
