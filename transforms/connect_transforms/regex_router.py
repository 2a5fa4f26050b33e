"""RegexRouter: a new topic name from the old one."""

from __future__ import annotations

from connect.api import Batch, Config, DataError, Transform, key
from connect_transforms.columns import PREFIX, VERSION
from connect_transforms.java_regex import compile_pattern, valid_regex
from connect_transforms.java_replacement import expand
from connect_transforms.watch import Watch


class RegexRouterConfig(Config):
    """What matches, and what it becomes."""

    regex: str = key("Regular expression to use for matching.", importance="high", validators=[valid_regex])
    replacement: str = key("Replacement string.", importance="high")


class RegexRouter(Transform):
    """Rename topics whose whole name matches."""

    class_name = PREFIX + "RegexRouter"
    version = VERSION
    config_class = RegexRouterConfig
    config: RegexRouterConfig

    def configure(self, config: Config) -> None:
        super().configure(config)
        self._pattern = compile_pattern(self.config.regex)
        self._watch = Watch(self, f"a topic that matches {self.config.regex!r} as a whole", self._found_in)

    def apply_batch(self, batch: Batch) -> Batch:
        if batch.topic is None:
            raise DataError("RegexRouter needs a topic, and the record has none")
        self._watch.look(batch)
        match = self._pattern.fullmatch(batch.topic)
        if match is None:
            return batch
        # The whole name matched; what is replaced is the first match, which for a lazy pattern may be shorter.
        first = self._pattern.search(batch.topic)
        assert first is not None, "what matches whole is found"
        renamed = batch.topic[: first.start()] + expand(first, self.config.replacement) + batch.topic[first.end() :]
        return batch.replace(topic=renamed)

    def _found_in(self, batch: Batch) -> bool:
        return self._pattern.fullmatch(batch.topic) is not None
