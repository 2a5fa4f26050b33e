"""RegexRouter: a new topic name from the old one."""

from __future__ import annotations

from connect.api import Batch, Config, DataError, Transform, compile_pattern, config_key, valid_pattern
from connect_transforms.fields.columns import PREFIX, VERSION
from connect_transforms.fields.unmatched import UnmatchedCheck
from connect_transforms.java.replacement import replaced_first

#: Names that are remembered with what became of them; a batch has one, a connector has few.
_TOPICS_MAX = 1000


class RegexRouterConfig(Config):
    """What matches, and what it becomes."""

    regex: str = config_key("Regular expression to use for matching.", importance="high", validators=[valid_pattern])
    replacement: str = config_key("Replacement string.", importance="high")


class RegexRouter(Transform[RegexRouterConfig]):
    """Rename topics whose whole name matches."""

    class_name = PREFIX + "RegexRouter"
    version = VERSION

    def configure(self, config: Config) -> None:
        super().configure(config)
        self._pattern = compile_pattern(self.config.regex, key="regex")
        self._unmatched = UnmatchedCheck(self, f"a topic that matches {self.config.regex!r} as a whole", self._found_in)
        self._renamed: dict[str, str] = {}

    def apply_batch(self, batch: Batch) -> Batch:
        topic = batch.topic
        if topic is None:
            raise DataError("RegexRouter needs a topic, and the record has none")
        self._unmatched.look(batch)
        renamed = self._renamed.get(topic)
        if renamed is None:
            if len(self._renamed) >= _TOPICS_MAX:
                self._renamed.clear()
            renamed = self._renamed[topic] = self._rename(topic)
        return batch if renamed == topic else batch.replace(topic=renamed)

    def _rename(self, topic: str) -> str:
        return replaced_first(self._pattern, self.config.replacement, topic)

    def _found_in(self, batch: Batch) -> bool:
        return self._pattern.fullmatch(batch.topic) is not None
