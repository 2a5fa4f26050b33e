"""The predicates: HasHeaderKey, RecordIsTombstone, TopicNameMatches."""

from __future__ import annotations

from operator import itemgetter

from connect.api import Batch, Config, Predicate, Record, compile_pattern, config_key, valid_pattern
from connect_transforms.fields.columns import PREFIX, VERSION

_NAME = itemgetter(0)
#: Topics whose verdict is remembered; a connector has few.
_TOPICS_MAX = 1000


class HasHeaderKeyConfig(Config):
    """Which header."""

    name: str | None = config_key("The header name.", non_empty=True)


class HasHeaderKey(Predicate[HasHeaderKeyConfig]):
    """True for records with at least one header of the name."""

    class_name = PREFIX + "predicates.HasHeaderKey"
    version = VERSION

    def test(self, record: Record) -> bool:
        return any(header.name == self.config.name for header in record.headers or ())

    def test_batch(self, batch: Batch) -> bool | list[bool]:
        if batch.headers is None:
            return False
        name = self.config.name
        return [name in map(_NAME, headers) if headers else False for headers in batch.headers]


class RecordIsTombstone(Predicate):
    """True for records whose value is null."""

    class_name = PREFIX + "predicates.RecordIsTombstone"
    version = VERSION

    def test(self, record: Record) -> bool:
        return record.value is None

    def test_batch(self, batch: Batch) -> bool | list[bool]:
        return [value is None for value in batch.values] if None in batch.values else False


class TopicNameMatchesConfig(Config):
    """Which topics."""

    pattern: str = config_key(
        "A Java regular expression for matching against the name of a record's topic.",
        non_empty=True,
        validators=[valid_pattern],
    )


class TopicNameMatches(Predicate[TopicNameMatchesConfig]):
    """True for records whose whole topic name matches a pattern."""

    class_name = PREFIX + "predicates.TopicNameMatches"
    version = VERSION

    def configure(self, config: Config) -> None:
        super().configure(config)
        self._pattern = compile_pattern(self.config.pattern, key="pattern")
        self._verdicts: dict[str | None, bool] = {None: False}

    def test(self, record: Record) -> bool:
        return self._matches(record.topic)

    def test_batch(self, batch: Batch) -> bool:
        return self._matches(batch.topic)

    def _matches(self, topic: str | None) -> bool:
        verdict = self._verdicts.get(topic)
        if verdict is None:
            assert topic is not None, "None has its verdict"
            if len(self._verdicts) >= _TOPICS_MAX:
                self._verdicts = {None: False}
            verdict = self._verdicts[topic] = self._pattern.fullmatch(topic) is not None
        return verdict
