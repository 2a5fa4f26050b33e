"""PUBLIC. Kafka Connect's `Values`: values as text and back, and from any type to any other.

SimpleHeaderConverter's language.

    to_text        a value as text
    parse          a text as the value it looks like, with its schema
    convert        a value as one of another type
    infer_schema   the schema of a value that has none

Source: Kafka 4.3.1, connect/api, Values.java.
"""

from connect.api.values.conversions import convert
from connect.api.values.inference import infer_schema
from connect.api.values.parser import parse
from connect.api.values.texts import to_text

__all__ = ["convert", "infer_schema", "parse", "to_text"]
