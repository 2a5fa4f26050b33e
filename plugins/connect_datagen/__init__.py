"""Generated data: `Datagen` fills a topic with records made up from an Avro schema.

Confluent's class name, keys, quickstarts and `arg.properties`, and Faker's providers as a further property. A plugin
like any third party's: it imports `connect.api` and the libraries it wraps, nothing else of Connect.

Elsewhere: reading and writing Avro as a format, which is a converter's work.
"""

from __future__ import annotations

from collections.abc import Sequence

from connect.api import Connector, hookimpl
from connect_datagen.connector import DatagenConnector

__all__ = ["DatagenConnector", "connect_connectors"]


@hookimpl
def connect_connectors() -> Sequence[type[Connector]]:
    """Tell the runtime which connectors are here."""
    return [DatagenConnector]
