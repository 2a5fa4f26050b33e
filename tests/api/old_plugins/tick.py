"""A source as docs/howto/write-a-connector.md had it before version 1.0 of the API."""

from connect.api import Config, Record, SourceConnector, SourceTask, hookimpl, key


class TickConfig(Config):
    topic: str = key("Topic to write to.", importance="high")
    count: int = key("How many ticks in all.", default=10)


class TickTask(SourceTask):
    def start(self):
        self.n = (self.context.offset({"clock": "tick"}) or {"n": 0})["n"]

    def poll(self):  # noqa: RET503 - as it was written
        if self.n < self.config.count:
            self.n += 1
            return Record(
                self.config.topic, f"tick {self.n}", source_partition={"clock": "tick"}, source_offset={"n": self.n}
            )


class TickSource(SourceConnector):
    config_class, task_class = TickConfig, TickTask


@hookimpl
def connect_connectors():
    return [TickSource]
