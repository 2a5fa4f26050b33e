"""`connect log`: looks into the files of a log, also while a worker writes them; and mends those that nobody uses."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import orjson

from connect.api import ConnectError
from connect.cli.formats import renderer
from connect.cli.log_access import DEFAULT_DATA_DIR
from connect.cli.output import as_json_option, print_json, print_table
from connect.cli.timestamps import timestamp_text
from connect.inspection import BadRange, Inspector, PartitionReport, Repair, StoredBatch
from connect.records import TopicPartition


@click.group("log")
def log_group() -> None:
    """Verify, dump, count and repair what a log's files hold. All but repair only read, also while a worker runs."""


_DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    default=DEFAULT_DATA_DIR,
    envvar="CONNECT_DATA_DIR",
    show_default=True,
    help="Directory of the log.",
)


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    return as_json_option(_DATA_DIR(command))


_TOPIC = click.option("--topic", "topics", multiple=True, help="Only this topic; all when left out.")


@log_group.command()
@_TOPIC
@_options
@click.pass_obj
def verify(session: Any, topics: tuple[str, ...], data_dir: Path, as_json: bool) -> int:
    """Read every byte and name each range that is damaged. Exit code 1 where there is one."""
    reports = _reports(session.wiring.inspect_log(data_dir), topics, quiet=as_json)
    bad = [found for report in reports for found in report.bad]
    if as_json:
        print_json(
            {
                "partitions": len(reports),
                "bytes": sum(r.size_bytes for r in reports),
                "bad": [
                    {"file": b.path, "position": b.position, "end_position": b.end_position, "reason": b.reason}
                    for b in bad
                ],
            }
        )
        return 1 if bad else 0
    for found in bad:
        click.echo(f"{found.path}: bytes {found.position} to {found.end_position}: {found.reason}")
    total = sum(report.size_bytes for report in reports)
    records = sum(report.records for report in reports)
    click.echo(
        f"{len(reports)} partition(s), {records} record(s), {total} bytes: "
        + (f"{len(bad)} damaged range(s)" if bad else "all whole")
    )
    return 1 if bad else 0


@log_group.command()
@_TOPIC
@_options
@click.pass_obj
def stats(session: Any, topics: tuple[str, ...], data_dir: Path, as_json: bool) -> None:
    """Count segments, batches, records and bytes, by topic. Reads every byte."""
    reports = _reports(session.wiring.inspect_log(data_dir), topics, quiet=as_json)
    rows = [_stats(name, [r for r in reports if r.topic == name]) for name in sorted({r.topic for r in reports})]
    if as_json:
        print_json(rows)
        return
    print_table(
        [
            "topic", "partitions", "segments", "batches", "records", "bytes", "bytes/record", "records/batch",
            "ratio", "codecs", "oldest", "newest",
        ],
        [
            (
                r["topic"],
                r["partitions"],
                r["segments"],
                r["batches"],
                r["records"],
                r["size_bytes"],
                r["bytes_per_record"],
                r["records_per_batch"],
                r["compression_ratio"],
                ",".join(r["codecs"]),
                timestamp_text(r["oldest_timestamp"]),
                timestamp_text(r["newest_timestamp"]),
            )
            for r in rows
        ],
    )  # fmt: skip


def _stats(topic: str, reports: list[PartitionReport]) -> dict[str, Any]:
    records, batches = sum(r.records for r in reports), sum(r.batches for r in reports)
    size_bytes = sum(r.size_bytes for r in reports)
    codecs: Counter[str] = Counter()
    for report in reports:
        codecs.update(report.codecs)
    unpacked = sum(r.records_bytes for r in reports) + 61 * batches
    oldest = [r.oldest_timestamp for r in reports if r.oldest_timestamp >= 0]
    return {
        "topic": topic,
        "partitions": len(reports),
        "segments": sum(r.segments for r in reports),
        "batches": batches,
        "records": records,
        "size_bytes": size_bytes,
        "index_bytes": sum(r.index_bytes for r in reports),
        "bytes_per_record": round(size_bytes / records, 1) if records else 0,
        "records_per_batch": round(records / batches, 1) if batches else 0,
        "compression_ratio": round(unpacked / size_bytes, 2) if size_bytes else 1.0,
        "codecs": dict(codecs),
        "oldest_timestamp": min(oldest, default=-1),
        "newest_timestamp": max((r.newest_timestamp for r in reports), default=-1),
        "damaged_ranges": sum(len(r.bad) for r in reports),
    }


@log_group.command()
@click.argument("topic")
@click.option("--partition", type=int, default=0, show_default=True)
@click.option("--offset", type=int, default=0, show_default=True, help="Begin with the batch that holds this offset.")
@click.option("--max-batches", type=click.IntRange(min=1), help="Stop after so many batches.")
@click.option("--records", is_flag=True, help="Also the records of each batch.")
@_options
@click.pass_obj
def dump(
    session: Any,
    topic: str,
    partition: int,
    offset: int,
    max_batches: int | None,
    records: bool,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Print the record batches of a partition as they are stored, one a line."""
    inspector: Inspector = session.wiring.inspect_log(data_dir)
    show = renderer("json" if as_json else r"  | %o %d key: %k value: %s headers: [%h]\n")
    for number, found in enumerate(inspector.dump(TopicPartition(topic, partition), offset)):
        if number == max_batches:
            break
        click.echo(orjson.dumps(_body(found)).decode() if as_json else _line(found))
        if records and isinstance(found, StoredBatch) and found.records is not None and found.marker is None:
            sys.stdout.flush()
            sys.stdout.buffer.write(show(found.records))
            sys.stdout.buffer.flush()


def _line(found: StoredBatch | BadRange) -> str:
    if isinstance(found, BadRange):
        return f"{found.path} damaged: bytes {found.position} to {found.end_position}: {found.reason}"
    producer = (
        ""
        if found.producer_id < 0
        else f" producer {found.producer_id} epoch {found.producer_epoch} sequence {found.base_sequence}"
    )
    flags = "".join(f" {flag}" for flag in found.flags) + (f" {found.marker}" if found.marker else "")
    unreadable = "" if found.records is not None else " its records cannot be read"
    return (
        f"{found.path} position {found.position} offsets {found.base_offset} to {found.last_offset} "
        f"records {found.count} bytes {found.size_bytes} codec {found.codec} {timestamp_text(found.max_timestamp)}"
        f"{producer}{flags}{unreadable}"
    )


def _body(found: StoredBatch | BadRange) -> dict[str, Any]:
    if isinstance(found, BadRange):
        return {
            "file": found.path,
            "position": found.position,
            "end_position": found.end_position,
            "reason": found.reason,
        }
    names = (
        "position", "size_bytes", "base_offset", "last_offset", "count", "codec", "base_timestamp", "max_timestamp",
        "producer_id", "producer_epoch", "base_sequence", "marker",
    )  # fmt: skip
    return {"file": found.path, **{name: getattr(found, name) for name in names}, "flags": list(found.flags)}


@log_group.command()
@click.option("--topic", "topics", multiple=True, help="Read only this topic's bytes; all when left out.")
@click.option(
    "--apply", "is_applied", is_flag=True, help="Make the mends that lose nothing. Without it nothing is changed."
)
@click.option(
    "--drop-damaged",
    is_flag=True,
    help="With --apply: also cut damaged bytes out of the log; a copy of them is kept in DIR/.repaired-TIME.",
)
@_options
@click.pass_obj
def repair(
    session: Any, topics: tuple[str, ...], is_applied: bool, drop_damaged: bool, data_dir: Path, as_json: bool
) -> int:
    """Mend a data directory whose worker does not start, or say what would be mended and what is lost by it.

    Refused while a process owns the directory. Exit code 1 where something is, or stays, damaged.
    """
    if drop_damaged and not is_applied:
        raise click.UsageError("--drop-damaged goes with --apply; without both, what would be lost is shown")
    with session.wiring.repair_log(data_dir) as repairer:
        total = sum(path.stat().st_size for path in data_dir.glob("*/*.log") if path.is_file())
        with _progress(total, quiet=as_json) as advance:
            found: list[Repair] = repairer.examine(topics, advance)
        made = [one for one in found if is_applied and (drop_damaged or not one.loses)]
        for one in made:
            one.apply()
    if as_json:
        print_json(
            [
                {"path": one.path, "problem": one.problem, "mend": one.mend, "loses": one.loses, "mended": one in made}
                for one in found
            ]
        )
    else:
        for one in found:
            click.echo(
                f"{one.path}: {one.problem}\n"
                f"  {'mended' if one in made else 'mend'}: {one.mend}\n"
                f"  {'lost' if one in made else 'loses'}: {one.loses or 'nothing'}"
            )
        click.echo(_summary(found, made))
    return 1 if len(made) < len(found) else 0


def _summary(found: list[Repair], made: list[Repair]) -> str:
    left = [one for one in found if one not in made]
    if not found:
        return "all whole: nothing to mend"
    if not left:
        return f"{len(made)} mended"
    options = "--apply" + (" --drop-damaged" if all(one.loses for one in left) else "")
    return f"{len(made)} mended, {len(left)} to mend: {options} does it" + (
        "; what loses something also needs --drop-damaged"
        if options == "--apply" and any(one.loses for one in left)
        else ""
    )


# -- shared --------------------------------------------------------------------------------------------------------


def _reports(inspector: Inspector, topics: tuple[str, ...], *, quiet: bool) -> list[PartitionReport]:
    partitions = [p for p in inspector.partitions() if not topics or p.topic in topics]
    for topic in topics:
        if topic not in {p.topic for p in partitions}:
            inspector.size_bytes(TopicPartition(topic, 0))  # raises, with the nearest name
            raise ConnectError(f"topic {topic!r} has no partitions", code="log.unknown_topic_or_partition")
    total = sum(inspector.size_bytes(partition) for partition in partitions)
    with _progress(total, quiet=quiet) as advance:
        return [inspector.verify(partition, advance) for partition in partitions]


@contextmanager
def _progress(total_bytes: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal, and nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda _bytes: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=total_bytes)
        yield lambda count: progress.advance(task, count)
