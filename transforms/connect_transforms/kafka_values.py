"""What transforms share with Kafka's `Values`: text parsed to a value with its schema, and Java's text of values.

The one arrow between two bundled packages: InsertHeader reads a literal exactly as the header converter would.
"""

from __future__ import annotations

from connect_converters.java_dates import iso_text
from connect_converters.java_text import text
from connect_converters.values import parse

__all__ = ["iso_text", "parse", "text"]
