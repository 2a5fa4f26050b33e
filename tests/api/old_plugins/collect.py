"""A sink as docs/howto/write-a-connector.md had it before version 1.0 of the API."""

from pathlib import Path

from connect.api import Config, SinkConnector, SinkTask, hookimpl, key


class CollectConfig(Config):
    out: str = key("File to append to.", importance="high")


class CollectTask(SinkTask):
    def put(self, records):
        with Path(self.config.out).open("a") as out:
            out.writelines(f"{record.topic}: {record.value}\n" for record in records)


class CollectSink(SinkConnector):
    config_class, task_class = CollectConfig, CollectTask


@hookimpl
def connect_connectors():
    return [CollectSink]
