"""PUBLIC. Java's texts, numbers, dates and class names, as Kafka Connect's users know them: part of several formats.

    java_class     the Java class of a value, for Kafka's messages
    java_text      what toString prints of a value; `float_text` for a number alone, `iso_text` for a date
    decode_utf8    what Java reads of bytes that are not quite UTF-8
    narrow, to_long, to_double, to_single, clamped, truncated
                   Java's casts between numbers, and its bounds
    milliseconds, moment_of, moments_of, date_of, time_of, DAY_MS, EPOCH
                   what java.util.Date holds, from and to Python's dates
    DateFormat     java.text.SimpleDateFormat: dates as text and back, by a pattern
    parse_properties
                   what java.util.Properties reads of a file's text
    strict_loads, from_base64, as_kafka_writes
                   JSON's texts as Jackson reads and writes them

The sub-modules are the host's own. Nothing here knows a `Schema`; what takes one looks at its shape alone.
"""

from connect.api.java.classes import java_class
from connect.api.java.date_format import DateFormat
from connect.api.java.dates import DAY_MS, EPOCH, date_of, iso_text, milliseconds, moment_of, moments_of, time_of
from connect.api.java.json_texts import as_kafka_writes, from_base64, strict_loads
from connect.api.java.numbers import Number, clamped, narrow, to_double, to_long, to_single, truncated
from connect.api.java.properties import parse_properties
from connect.api.java.text import decode_utf8, float_text, java_text

__all__ = [
    "DAY_MS",
    "EPOCH",
    "DateFormat",
    "Number",
    "as_kafka_writes",
    "clamped",
    "date_of",
    "decode_utf8",
    "float_text",
    "from_base64",
    "iso_text",
    "java_class",
    "java_text",
    "milliseconds",
    "moment_of",
    "moments_of",
    "narrow",
    "parse_properties",
    "strict_loads",
    "time_of",
    "to_double",
    "to_long",
    "to_single",
    "truncated",
]
