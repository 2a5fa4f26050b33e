"""The keys of `FileStreamSource`: Kafka's, and those beyond them, which REST lists only where they are given."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from typing import Final

from connect.api import Config, ConfigError, Problem, compile_pattern, config_key, open_path, valid_pattern
from connect_file.delimited import CsvFormat, delimiter_of, valid_columns, valid_delimiter, valid_quote
from connect_file.ends import ACTIONS
from connect_file.formats import Format, JsonFormat, LinesFormat, MultilineFormat, WholeFormat
from connect_file.lines import valid_charset
from connect_file.listing import base_folder, path_of, valid_entries

FORMATS: Final = ("lines", "json", "csv", "whole")


def valid_start(value: object) -> None:
    """Check a pattern, as a config key's validator."""
    if value is not None:
        valid_pattern(value)


class FileStreamSourceConfig(Config):
    """Read the lines of a file into a topic."""

    file: str | None = config_key(
        "Source filename. If not specified, the standard input will be used",
        importance="high",
        default=None,
        file="read",
    )
    topic: str = config_key("The topic to publish data to", importance="high", non_empty=True)
    batch_size: int = config_key(
        "The maximum number of records the source task can read from the file each time it is polled",
        importance="low",
        default=2000,
    )
    files: list[str] | None = config_key(
        "Files to read in place of 'file': paths, globs with *, ?, [a-z] and **, and folders, whose files are meant. "
        "Each may begin with ~ or file://",
        importance="high",
        default=None,
        validators=[valid_entries],
        internal=True,  # beyond Kafka, as all from here on: REST lists Kafka's keys
    )
    files_exclude: list[str] = config_key(
        "Globs of files that 'files' is not to mean; one without a slash is of the name alone",
        importance="low",
        default=[],
        validators=[valid_entries],
        internal=True,
    )
    files_poll_interval_ms: int = config_key(
        "How often the files that 'files' means are looked for, at least. Where the system tells of a new one, it is "
        "found at once",
        importance="low",
        default=1000,
        ge=10,
        internal=True,
    )
    format: str = config_key(
        "What a record is: a line as text (lines), a line of JSON (json), a record of CSV (csv), or all "
        "of a file (whole)",
        default="lines",
        one_of=FORMATS,
        internal=True,
    )
    csv_header: bool = config_key(
        "Whether a CSV file begins with the names of its columns", default=True, internal=True
    )
    csv_columns: list[str] = config_key(
        "Columns of CSV files as NAME:TYPE. With a header, those that are not text; without, all of them in order. "
        "Types: string, boolean, int8, int16, int32, int64, float32, float64, decimal(SCALE), date, time, timestamp",
        default=[],
        validators=[valid_columns],
        internal=True,
    )
    csv_delimiter: str = config_key(
        "What parts the fields of CSV: one character, or tab",
        importance="low",
        default=",",
        validators=[valid_delimiter],
        internal=True,
    )
    csv_quote: str = config_key(
        "What encloses a field of CSV: one character; empty for none",
        importance="low",
        default='"',
        validators=[valid_quote],
        internal=True,
    )
    csv_null: str | None = config_key(
        "A field of CSV with this text is null; an empty one is null in any case where its type is none of text",
        importance="low",
        default=None,
        internal=True,
    )
    multiline_start: str | None = config_key(
        "A pattern that is found in the first line of a record of several; those behind without it belong to it",
        default=None,
        validators=[valid_start],
        internal=True,
    )
    on_eof: str = config_key(
        "What becomes of a file that was read to its end: it is read on as it grows (tail), left alone until the next "
        "start (stop), deleted or moved once its records are durable",
        name="on.eof",
        default="tail",
        one_of=ACTIONS,
        internal=True,
    )
    on_eof_folder: str | None = config_key(
        "The folder that files are moved to, on the same file system",
        name="on.eof.folder",
        default=None,
        file="write",
        internal=True,
    )
    eof_wait_ms: int = config_key(
        "How long a file must not have grown for its end to be taken for one",
        name="on.eof.wait.ms",
        importance="low",
        default=10000,
        ge=0,
        internal=True,
    )
    charset: str | None = config_key(
        "Character set of the file, such as ISO-8859-1; what is not in it fails the task. If not specified, UTF-8, and "
        "what is not UTF-8 becomes U+FFFD",
        importance="low",
        default=None,
        validators=[valid_charset],
        internal=True,
    )

    @property
    def entries(self) -> list[str] | None:
        """What is listed and read by `connect_file.reader`; None for what Kafka's keys alone say."""
        is_classic = self.format == "lines" and self.on_eof == "tail" and self.multiline_start is None
        if self.files is not None or self.file is None or is_classic:
            return self.files
        return [glob.escape(os.path.abspath(self.file))]  # noqa: PTH100 - of the text, as all paths here

    def problems(self) -> Iterable[Problem]:
        if self.format != "lines" and not self.file and self.files is None:
            yield Problem("format", f"format {self.format!r} is of files; 'file' or 'files' is missing")
        if self.on_eof != "tail" and not self.file and self.files is None:
            yield Problem("on.eof", f"on.eof={self.on_eof} is of files; 'file' or 'files' is missing")
        if self.multiline_start is not None and self.format != "lines":
            yield Problem("multiline.start", f"'multiline.start' is of lines, and the format is {self.format!r}")
        if self.multiline_start is not None and not self.file and self.files is None:
            yield Problem("multiline.start", "'multiline.start' is of files; 'file' or 'files' is missing")
        if (self.on_eof == "move") != (self.on_eof_folder is not None):
            yield Problem("on.eof.folder", "'on.eof.folder' is the folder of on.eof=move: both are needed, or neither")
        if self.on_eof in ("delete", "move"):
            for entry in self.entries or ():
                yield from not_allowed(entry, os.O_WRONLY)
        if self.format == "csv" and not self.csv_header and not self.csv_columns:
            yield Problem("csv.columns", "without a header, 'csv.columns' has to name the columns")
        if self.files is None:
            return
        if not self.files:
            yield Problem("files", "'files' names none; expected paths, globs or folders")
        if self.file is not None:
            yield Problem("files", "'file' and 'files' are both set; expected one of them")
        for entry in self.files:
            yield from not_allowed(entry, os.O_RDONLY)


def format_of(config: FileStreamSourceConfig, charset: str | None) -> Format:
    """Return the format of files, in the character set that they say they have, or else in that of the config."""
    charset = charset or config.charset
    if config.format == "json":
        return JsonFormat(charset)
    if config.format == "csv":
        return CsvFormat(
            delimiter=delimiter_of(config.csv_delimiter),
            quote=config.csv_quote,
            has_header=config.csv_header,
            columns=config.csv_columns,
            null=config.csv_null,
            charset=charset,
        )
    if config.format == "whole":
        return WholeFormat(None if config.charset is None else charset)
    if config.multiline_start is not None:
        return MultilineFormat(charset, compile_pattern(config.multiline_start, key="multiline.start"))
    return LinesFormat(charset)


def not_allowed(entry: str, flags: int) -> Iterator[Problem]:
    """Tell of an entry whose files lie where the worker allows none."""
    try:
        os.close(open_path(base_folder(path_of(entry)), flags))
    except ConfigError as error:
        yield Problem("files", error.message)
    except OSError:
        pass  # not there, a folder, or not to be opened: told when it is looked for
