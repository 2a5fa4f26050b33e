"""The keys of `FolderSink`. Names are Confluent's, of its sinks to file systems and object stores, where they mean the
same there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from connect.api import Config, Problem, config_key
from connect_file.delimited import valid_delimiter, valid_quote
from connect_file.folder.templates import Template
from connect_file.folder.times import EXTRACTORS, Times, valid_zone

FORMATS: Final = ("json", "lines", "csv", "whole", "parquet")
COMPRESSIONS: Final = ("none", "gzip", "bz2", "xz", "zstd")
PARQUET_CODECS: Final = ("none", "snappy", "gzip", "zstd", "lz4", "brotli")
PARTITIONERS: Final = (
    "DefaultPartitioner", "FieldPartitioner", "TimeBasedPartitioner", "DailyPartitioner", "HourlyPartitioner",
)  # fmt: skip
_PARTITIONER_PACKAGE: Final = "io.confluent.connect.storage.partitioner."
_DAY: Final = "'year'=yyyy/'month'=MM/'day'=dd"
_NAME: Final = "${topic}+${partition}+${start_offset}"


def valid_partitioner(value: object) -> None:
    """Check the name of a partitioner, as a config key's validator."""
    if str(value).removeprefix(_PARTITIONER_PACKAGE) not in PARTITIONERS:
        raise ValueError(f"expected one of {', '.join(PARTITIONERS)}; path.template is for other paths")


def valid_extension(value: object) -> None:
    """Check the ending of names, as a config key's validator."""
    if value is not None and (set(str(value)) & set("/\\\0") or not 1 < len(str(value)) <= 20 or str(value)[0] != "."):
        raise ValueError("a dot and some characters are expected, such as .jsonl")


class FolderSinkConfig(Config):
    """Write the records of topics to files in a folder."""

    folder: str = config_key(
        "Folder in which the files are written. It has to be there.", importance="high", non_empty=True, file="write"
    )
    format: str = config_key("Format of the files.", importance="high", default="json", one_of=FORMATS)
    compression_type: str = config_key(
        "How files are packed; Parquet has parquet.codec.", default="none", one_of=COMPRESSIONS
    )
    flush_size: int = config_key(
        "Records in a file, at most, but for those that a transform made of one.",
        importance="high",
        default=1_000_000,
        ge=1,
    )
    rotate_bytes: int = config_key(
        "A file is finished once it has so many bytes, as they lie on the disk; 0 for no such bound.",
        type="LONG",
        default=128 << 20,
        ge=0,
    )
    rotate_interval_ms: int = config_key(
        "A file is finished at a record whose time is so much behind that of its first record; -1 for never.",
        type="LONG",
        default=-1,
        ge=-1,
    )
    rotate_schedule_interval_ms: int = config_key(
        "Files are finished whenever the clock passes a multiple of it, in the time zone; -1 for never.",
        type="LONG",
        default=600_000,
        ge=-1,
    )
    partitioner_class: str = config_key(
        "How records are shared out to folders.",
        default="DefaultPartitioner",
        validators=(valid_partitioner,),
        recommended=PARTITIONERS,
    )
    partition_field_name: list[str] = config_key(
        "Fields whose values name the folders of FieldPartitioner.",
        default=[],
    )
    path_format: str | None = config_key(
        "Pattern of the folders of TimeBasedPartitioner, such as 'year'=yyyy/'month'=MM.", default=None
    )
    partition_duration_ms: int = config_key(
        "Times in paths are rounded down to a multiple of it; -1 for as they are.",
        type="LONG",
        importance="low",
        default=-1,
        ge=-1,
    )
    path_template: str | None = config_key(
        "Path of each file in the folder, without its ending, in place of a partitioner.",
        default=None,
        placeholders=("field", "time"),
    )
    timestamp_extractor: str = config_key(
        "Whose time counts: the record's, that of a field, or the clock's.", default="Record", one_of=EXTRACTORS
    )
    timestamp_field: str | None = config_key("Field with the time, for RecordField.", default=None)
    timezone: str = config_key("Time zone of paths and schedules.", default="UTC", validators=(valid_zone,))
    file_extension: str | None = config_key(
        "Ending of files' names, in place of the format's; that of the packing comes behind.",
        importance="low",
        default=None,
        validators=(valid_extension,),
    )
    behavior_on_null_values: str = config_key(
        "What becomes of records whose value is null.", default="fail", one_of=("fail", "ignore", "write")
    )
    fsync_policy: str = config_key(
        "Whether files are on disk before their offsets are committed, or whenever the system does it.",
        importance="low",
        default="always",
        one_of=("always", "never"),
    )
    open_files_max: int = config_key(
        "Files that a task writes at one time; with more, the one that had no record for longest is finished.",
        importance="low",
        default=128,
        ge=1,
        le=10_000,
    )
    csv_header: bool = config_key("Whether a CSV file begins with the names of its columns.", default=True)
    csv_delimiter: str = config_key(
        "What parts fields: one character, or tab.", importance="low", default=",", validators=(valid_delimiter,)
    )
    csv_quote: str = config_key(
        "What encloses a field: one character; empty for none.",
        importance="low",
        default='"',
        validators=(valid_quote,),
    )
    csv_null: str = config_key("What is written for null.", importance="low", default="")
    parquet_codec: str = config_key("Packing of Parquet's pages.", default="snappy", one_of=PARQUET_CODECS)

    @property
    def template_text(self) -> str:
        """The template of paths, of the partitioner where none is given."""
        if self.path_template is not None:
            return self.path_template
        folders = {
            "DefaultPartitioner": "partition=${partition}",
            "FieldPartitioner": "/".join(f"{name}=${{field:{name}}}" for name in self.partition_field_name),
            "TimeBasedPartitioner": f"${{time:{self.path_format}}}",
            "DailyPartitioner": f"${{time:{_DAY}}}",
            "HourlyPartitioner": f"${{time:{_DAY}/'hour'=HH}}",
        }[self.partitioner]
        return f"${{topic}}/{folders}/{_NAME}"

    @property
    def partitioner(self) -> str:
        """The partitioner's name, without its package."""
        return self.partitioner_class.removeprefix(_PARTITIONER_PACKAGE)

    def times(self) -> Times:
        """Return what tells the times of records, for one task."""
        return Times(self.timestamp_extractor, self.timestamp_field)

    def template(self, times: Times, extension: str) -> Template:
        """Return what names files, for one task."""
        return Template(
            self.template_text, times, extension, zone=self.timezone, duration_ms=max(self.partition_duration_ms, 0)
        )

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong between keys."""
        if self.timestamp_extractor == "RecordField" and not self.timestamp_field:
            yield Problem("timestamp.field", "timestamp.field is missing, which RecordField takes the time from")
        if self.format == "parquet" and self.compression_type != "none":
            yield Problem("compression.type", "Parquet is packed by parquet.codec; leave compression.type out")
        if self.behavior_on_null_values == "write" and self.format not in ("json", "lines"):
            yield Problem(
                "behavior.on.null.values", f"{self.format} has nothing for a null value; expected fail or ignore"
            )
        if self.csv_delimiter == self.csv_quote:
            yield Problem("csv.quote", "csv.quote and csv.delimiter are the same character")
        yield from self._template_problems()

    def _template_problems(self) -> Iterator[Problem]:
        key = "path.template"
        if self.path_template is None:
            if self.partitioner == "FieldPartitioner":
                key = "partition.field.name"
                if not self.partition_field_name:
                    yield Problem(key, "partition.field.name is missing, which FieldPartitioner names folders by")
                    return
                if any(set(name) & set("${}/\\") for name in self.partition_field_name):
                    yield Problem(key, "a field whose name has one of $ { } / \\ in it cannot name a folder")
                    return
            elif self.partitioner == "TimeBasedPartitioner":
                key = "path.format"
                if not self.path_format:
                    yield Problem(key, "path.format is missing, which TimeBasedPartitioner names folders by")
                    return
                if "}" in self.path_format:
                    yield Problem(key, "a pattern of times without } is expected")
                    return
        try:
            self.template(self.times(), "")
        except ValueError as error:
            yield Problem(key, f"Invalid value {self.template_text} for configuration {key}: {error}")
