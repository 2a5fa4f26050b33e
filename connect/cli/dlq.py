"""`connect dlq`: dead letters listed, shown, replayed and discarded, over a worker's REST."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click
import orjson

from connect.api import ConnectError
from connect.cli.output import UsageError, confirm, print_json, print_table, yes_option
from connect.cli.rest import RestClient, rest_command
from connect.cli.timestamps import timestamp_text

#: How long one request waits for an operation to end; progress is shown in between.
_WAIT_MS: Final = 1000
#: How many of the letters that were left for one reason are named.
_LEFT_SHOWN: Final = 3
_CHARS: Final = 100


@click.group()
def dlq() -> None:
    """List, show, mend, replay and discard dead letters: records that a connector failed on.

    A letter is named TOPIC-PARTITION@OFFSET. Conditions (--where) are FIELD OPERATOR VALUE, joined by and, or, not and
    parentheses: "code = data.constraint and column = email and value.id in (7, 8)".
    """


_where = click.option("--where", metavar="CONDITION", help="Only letters for which this holds.")
_all = click.option("--all", "every", is_flag=True, help="Also letters that were replayed or discarded.")


def _topic(name: str) -> str:
    return f"/v1/dlq/{quote(name, safe='')}"


# -- looking -------------------------------------------------------------------------------------------------------


@dlq.command("list")
@click.argument("topic", required=False)
@click.option("--connector", help="Only what this connector failed on; its queue where no TOPIC is given.")
@_where
@_all
@click.option("--letters", is_flag=True, help="One by one, in place of by their causes.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="With --letters: how many.")
@rest_command
def list_(
    rest: RestClient,
    topic: str | None,
    connector: str | None,
    where: str | None,
    every: bool,
    letters: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Count the letters of all queues, or of TOPIC, by their causes.

    The queues of all are those that connectors name in errors.deadletterqueue.topic.name.
    """
    found = rest.call("GET", "/v1/dlq")["queues"]
    if topic is not None:
        queues = [topic]
    else:
        queues = [q["topic"] for q in found if q["size"] is not None and connector in (None, *q["connectors"])]
        if connector is not None and not queues:
            rest.named("GET", connector)  # an unknown name is told as such
    params = {"all": "true" if every else "false"}
    condition = _condition(where, connector)
    if condition is not None:
        params["where"] = condition
    if letters:
        _list_letters(rest, queues, params, limit, as_json=as_json)
        return
    reports = [_causes(rest, queue, params) for queue in queues]
    if as_json:
        print_json(reports)
        return
    if not reports:
        click.echo("no connector names a dead letter queue, or none has had a letter yet")
    for report in reports:
        _print_causes(report)


def _condition(where: str | None, connector: str | None) -> str | None:
    if connector is None:
        return where
    quoted = connector.replace("\\", "\\\\").replace('"', '\\"')
    own = f'connector = "{quoted}"'
    return own if where is None or not where.strip() else f"{own} and ({where})"


_SUMS: Final = ("scanned", "open", "replayed", "discarded", "matched", "others")


def _causes(rest: RestClient, queue: str, params: dict[str, str]) -> dict[str, Any]:
    """Return a whole queue by causes, put together from as many answers as it takes."""
    report: dict[str, Any] = {}
    start: str | None = None
    by_cause: dict[tuple[str, ...], dict[str, Any]] = {}
    while True:
        part = rest.call("GET", _topic(queue), params={**params, **({"from": start} if start else {})})
        report = {**part, **({name: report[name] + part[name] for name in _SUMS} if report else {})}
        for cause in part["causes"]:
            key = tuple(cause[name] for name in ("code", "exception", "stage", "sqlstate", "column"))
            known = by_cause.setdefault(key, cause)
            if known is not cause:
                known["count"] += cause["count"]
                known["first"], known["last"] = min(known["first"], cause["first"]), max(known["last"], cause["last"])
                known["connectors"] = sorted({*known["connectors"], *cause["connectors"]})
        start = part["next"]
        if start is None:
            break
        _progress(f"{queue}: {report['scanned']} of {report['size']} letters read")
    _progress("")
    report["causes"] = sorted(by_cause.values(), key=lambda cause: (-cause["count"], cause["first"]))
    return report


def _print_causes(report: dict[str, Any]) -> None:
    click.echo(
        f"{report['topic']}: {report['open']} open, {report['replayed']} replayed, {report['discarded']} discarded"
    )
    if report["causes"]:
        print_table(
            ["count", "cause", "stage", "column", "first", "last", "sample", "message"],
            [
                (
                    cause["count"],
                    " ".join(filter(None, [cause["code"] or cause["exception"] or "unknown", cause["sqlstate"]])),
                    cause["stage"] or "-",
                    cause["column"] or "-",
                    timestamp_text(cause["first"]),
                    timestamp_text(cause["last"]),
                    cause["sample"],
                    _line(cause["message"]),
                )
                for cause in report["causes"]
            ],
        )
    if report["others"]:
        click.echo(f"and {report['others']} letters of further causes")


def _list_letters(rest: RestClient, queues: list[str], params: dict[str, str], limit: int, *, as_json: bool) -> None:
    rows: list[dict[str, Any]] = []
    for queue in queues:
        start: str | None = None
        while len(rows) < limit:
            more = {"limit": str(min(500, limit - len(rows))), **({"from": start} if start else {})}
            part = rest.call("GET", f"{_topic(queue)}/letters", params={**params, **more})
            rows += part["letters"]
            start = part["next"]
            if start is None:
                break
    if as_json:
        print_json(rows)
        return
    print_table(
        ["letter", "state", "failed", "connector", "record", "replays", "cause", "message"],
        [
            (
                row["letter"],
                row["state"],
                timestamp_text(row["failed"]),
                row["connector"] or "-",
                _place(row),
                row["replays"],
                row["code"] or row["exception"] or "unknown",
                _line(row["message"]),
            )
            for row in rows
        ],
    )


def _place(row: dict[str, Any]) -> str:
    if not row["topic"]:
        return "-"
    return row["topic"] if row["partition"] is None else f"{row['topic']}-{row['partition']}@{row['offset']}"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _CHARS else f"{line[: _CHARS - 1]}…"


@dlq.command()
@click.argument("letter")
@rest_command
def show(rest: RestClient, letter: str, as_json: bool) -> None:
    """Show a letter, TOPIC-PARTITION@OFFSET: the record as it was when it failed, and what happened."""
    topic, partition, offset = _address(letter)
    found = rest.call("GET", f"{_topic(topic)}/letters/{partition}/{offset}")
    if as_json:
        print_json(found)
        return
    cause = found["code"] or found["exception"] or "unknown"
    told = [
        ("letter", f"{found['letter']}, {found['state']}"),
        ("cause", cause),
        ("exception", found["exception"]),
        ("message", found["message"]),
        ("stage", " ".join(filter(None, [found["stage"], found["alias"], found["plugin"]]))),
        *sorted(found["details"].items()),
        ("connector", found["connector"] + ("" if found["task"] is None else f", task {found['task']}")),
        ("record", _place(found)),
        ("source", " ".join(filter(None, [found["source_partition"], found["source_offset"]]))),
        ("failed", timestamp_text(found["failed"])),
        ("replayed", f"{found['replays']} times before" if found["replays"] else ""),
        ("settled", _settled(found["settled_by"])),
    ]
    for name, text in told:
        if text:
            click.echo(f"{name + ':':<12} {text}")
    click.echo("\nrecord, as a patch sees it:")
    click.echo(_pretty(found["record"]))
    if found["decoded"] is not None:
        click.echo("\nrecord, as the connector's converters read it:")
        click.echo(orjson.dumps(found["decoded"], option=orjson.OPT_INDENT_2).decode())
    elif found["undecoded"]:
        click.echo(f"\nnot decoded: {found['undecoded']}")


def _settled(by: dict[str, Any] | None) -> str:
    if by is None:
        return ""
    what = f"{by['kind']} {timestamp_text(by['at'])}"
    return what + (f" to {by['to']}" if by["to"] else "") + (f": {by['reason']}" if by["reason"] else "")


def _pretty(text: str) -> str:
    try:
        return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:  # it was cut
        return text


def _address(text: str) -> tuple[str, str, str]:
    place, _, offset = text.rpartition("@")
    topic, _, partition = place.rpartition("-")
    if not (topic and partition.isdecimal() and offset.isdecimal()):
        raise UsageError(f"{text!r} is no letter; TOPIC-PARTITION@OFFSET is expected")
    return topic, partition, offset


# -- working -------------------------------------------------------------------------------------------------------


@dlq.command()
@click.argument("topic")
@_where
@click.option(
    "--fix",
    "fixes",
    multiple=True,
    metavar="FIX",
    help="A JSON patch (RFC 6902) on /key, /value, /headers and /timestamp, as text or @FILE; or transforms as a "
    "connector's config has them, KEY=VALUE, as often as there are keys.",
)
@click.option("--to", metavar="TOPIC", help="Send them to this topic, and not to the connector that failed.")
@click.option("--dry-run", is_flag=True, help="Show before and after, and where to; send nothing.")
@click.option("--previews", type=click.IntRange(0, 200), default=20, help="With --dry-run: how many letters are shown.")
@click.option(
    "--max-replays", type=click.IntRange(min=1), default=3, show_default=True, help="Of one record; more are refused."
)
@click.option("--out-of-order", is_flag=True, help="Also letters of whose key an earlier one stays.")
@click.option("--no-wait", is_flag=True, help="Print the operation's id, and do not wait for its end.")
@yes_option
@rest_command
def replay(
    rest: RestClient,
    topic: str,
    where: str | None,
    fixes: tuple[str, ...],
    to: str | None,
    dry_run: bool,
    previews: int,
    max_replays: int,
    out_of_order: bool,
    no_wait: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Send letters of TOPIC to the connector that failed on them, mended where --fix says how.

    No other connector sees them. What was replayed is not replayed again: an interrupted replay is begun anew with the
    same command. Ctrl-C cancels it behind the letters that it is at.
    """
    body: dict[str, Any] = {
        "where": where,
        "to": to,
        "dry_run": dry_run,
        "max_replays": max_replays,
        "out_of_order": out_of_order,
        "previews": previews,
        **_fix(fixes),
    }
    if not dry_run:
        confirm(f"Replay letters of {topic}?", yes=yes, must=False)
    began = rest.call("POST", f"{_topic(topic)}/replay", {k: v for k, v in body.items() if v is not None})
    return _follow(rest, began, no_wait=no_wait, as_json=as_json)


def _fix(fixes: tuple[str, ...]) -> dict[str, Any]:
    if not fixes:
        return {}
    if any(fix.lstrip().startswith(("[", "@")) for fix in fixes):
        if len(fixes) > 1:
            raise UsageError("--fix: one JSON patch is expected, or transforms alone")
        return {"patch": _patch(fixes[0].strip())}
    keys = {}
    for fix in fixes:
        name, equals, value = fix.partition("=")
        if not equals:
            raise UsageError(f"--fix: {fix[:60]!r} is no JSON patch ([...] or @FILE) and no KEY=VALUE of transforms")
        keys[name.strip()] = value.strip()
    return {"transforms": keys}


def _patch(text: str) -> Any:
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--fix: {text[1:]} cannot be read: {error}") from None
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"--fix: the patch is not JSON: {error}") from None
    return orjson.Fragment(text)  # as it was written: large numbers would be rounded


@dlq.command()
@click.argument("topic")
@click.option("--reason", required=True, help="Why; kept with the letters.")
@_where
@click.option("--dry-run", is_flag=True, help="Count them; discard nothing.")
@click.option("--no-wait", is_flag=True, help="Print the operation's id, and do not wait for its end.")
@yes_option
@rest_command
def discard(
    rest: RestClient,
    topic: str,
    reason: str,
    where: str | None,
    dry_run: bool,
    no_wait: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Discard letters of TOPIC: they are listed no more, and never replayed. The topic itself keeps them."""
    if not dry_run:
        confirm(f"Discard {'these' if where else 'ALL'} letters of {topic}?", yes=yes)
    body = {"reason": reason, "dry_run": dry_run, **({} if where is None else {"where": where})}
    began = rest.call("POST", f"{_topic(topic)}/discard", body)
    return _follow(rest, began, no_wait=no_wait, as_json=as_json)


@dlq.command()
@click.argument("operation", required=False)
@rest_command
def status(rest: RestClient, operation: str | None, as_json: bool) -> None:
    """Show a replay or discard, or all of this worker's life."""
    if operation is not None:
        _print_operation(rest.call("GET", _operation(operation)), as_json=as_json)
        return
    rows = rest.call("GET", "/v1/dlq-operations")["operations"]
    if as_json:
        print_json(rows)
        return
    print_table(
        ["id", "kind", "topic", "state", "started", "matched", "done", "left"],
        [
            (
                row["id"],
                row["kind"] + (" (dry run)" if row["dry_run"] else ""),
                row["topic"],
                row["state"],
                timestamp_text(row["started"]),
                row["matched"],
                row["done"],
                row["held_back"] + row["refused"],
            )
            for row in rows
        ],
    )


@dlq.command()
@click.argument("operation")
@rest_command
def cancel(rest: RestClient, operation: str, as_json: bool) -> None:
    """End a replay or discard behind the letters that it is at; what was done stays done."""
    rest.call("DELETE", _operation(operation))
    _print_operation(rest.call("GET", _operation(operation), params={"wait_ms": "10000"}), as_json=as_json)


def _operation(id_: str) -> str:
    return f"/v1/dlq-operations/{quote(id_, safe='')}"


def _follow(rest: RestClient, began: dict[str, Any], *, no_wait: bool, as_json: bool) -> int:
    """Wait for an operation's end and print it; 1 where letters were left or it failed."""
    if no_wait:
        print_json(began) if as_json else click.echo(began["id"])
        return 0
    path = _operation(began["id"])
    found = _ended(
        lambda wait_ms: rest.call("GET", path, params={"wait_ms": wait_ms}), lambda: rest.call("DELETE", path)
    )
    _print_operation(found, as_json=as_json)
    if found["error"] is not None:
        raise ConnectError(
            found["error"]["message"], code="log.failed", hint="Begin it again: it goes on where it ended."
        )
    return 1 if found["state"] == "cancelled" or found["refused"] or found["held_back"] else 0


def _ended(look: Callable[[str], dict[str, Any]], cancel_it: Callable[[], Any]) -> dict[str, Any]:
    is_cancelled = False
    while True:
        try:
            found = look(str(_WAIT_MS))
            if found["state"] != "running":
                _progress("")
                return found
            _progress(f"{found['scanned']} of {found['total']} letters read, {found['done']} done")
        except KeyboardInterrupt:
            if is_cancelled:
                raise
            is_cancelled = True
            cancel_it()


def _print_operation(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for preview in found["previews"]:
        whom = f"connector {preview['connector']}" if preview["connector"] else f"topic {preview['topic']}"
        click.echo(f"{preview['letter']} -> {whom}\n  before: {preview['before']}\n  after:  {preview['after']}")
    by_reason: dict[str, list[str]] = {}
    for left in found["problems"]:
        by_reason.setdefault(left["reason"], []).append(left["letter"])
    for why, letters in by_reason.items():
        more = f" and {len(letters) - _LEFT_SHOWN} more" if len(letters) > _LEFT_SHOWN else ""
        click.echo(f"left {', '.join(letters[:_LEFT_SHOWN])}{more}: {why}")
    if (untold := found["refused"] + found["held_back"] - len(found["problems"])) > 0:
        click.echo(f"left {untold} further letters, whose reasons were not kept")
    done = {"replay": "replayed", "discard": "discarded"}[found["kind"]]
    if found["dry_run"]:
        done = f"would be {done}"
    click.echo(
        f"{found['state']}: of {found['matched']} letters {found['done']} {done}, {found['refused']} refused, "
        f"{found['held_back']} held back, {found['duplicates']} second ones of a failure"
    )


def _progress(text: str) -> None:
    """Show how far long work is, on a terminal alone; an empty text takes it away."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{text}", err=True, nl=False)
