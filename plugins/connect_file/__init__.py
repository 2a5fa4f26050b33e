"""Files: `FileStreamSource` reads one or many into a topic, `FileStreamSink` appends to one, `FolderSink` writes many.

Kafka's class names, keys and offsets. A plugin like any third party's: it imports `connect.api` and the libraries it
wraps, nothing else of Connect.

Elsewhere: which files a worker allows (`connect.runtime.file_rules`).
"""

from __future__ import annotations

from collections.abc import Sequence

from connect.api import Connector, hookimpl
from connect_file.folder.connector import FolderSinkConnector
from connect_file.sink import FileStreamSinkConnector
from connect_file.source import FileStreamSourceConnector

__all__ = ["FileStreamSinkConnector", "FileStreamSourceConnector", "FolderSinkConnector", "connect_connectors"]


@hookimpl
def connect_connectors() -> Sequence[type[Connector]]:
    """Tell the runtime which connectors are here."""
    return [FileStreamSourceConnector, FileStreamSinkConnector, FolderSinkConnector]
