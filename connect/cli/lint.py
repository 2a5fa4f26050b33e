"""`connect lint`: faults of config files, for people, editors and CI. Starts nothing, and asks no worker."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from connect.api import ConfigError, ConnectError, register_code
from connect.cli.output import UsageError, as_json_option, error_body, print_error, print_json, visible
from connect.cli.plugins import plugin_path
from connect.cli.settings import configs_in
from connect.cli.texts import read_text
from connect.runtime.config_texts.parsing import parse_numbered
from connect.runtime.validation.findings import Finding, Level, is_to_be_mended

if TYPE_CHECKING:
    from connect.cli.wiring import Wiring
    from connect.runtime.config_texts.forms import Pasted
    from connect.runtime.plugins import PluginHost
    from connect.runtime.worker_config import WorkerConfig

TWICE: Final = register_code(
    "lint.twice", "A key stands twice in one file, or a connector's name in two.", "Remove one of the two."
)
_YAML_KEY: Final = re.compile(r"[\s-]*[\"']?([^\s\"'#:][^\"'#:]*)[\"']?:(?:\s|$)")
_JSON_KEY: Final = re.compile(r'"((?:[^"\\\n]|\\.)*)"\s*:')


@dataclass(frozen=True, slots=True)
class _Placed:
    """A finding, and where it is: a file, and the line where that is known."""

    file: str
    line: int | None
    finding: Finding


@click.command()
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path, allow_dash=True), metavar="[SOURCE]...")
@click.option(
    "--config",
    "worker_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The worker's config: connectors are judged as they would run there.",
)
@click.option("--strict", is_flag=True, help="Fail for warnings, too.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of connector files, for editors.")
@plugin_path
@as_json_option
@click.pass_obj
def lint(
    session: object,
    sources: Sequence[Path],
    worker_file: Path | None,
    strict: bool,
    schema: bool,
    plugin_path: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Say what is wrong, or likely to go wrong, with config files.

    A SOURCE is a file of any form that 'connect migrate check' reads, - for standard input, or a folder, of which the
    .json, .yaml, .yml and .properties files are looked at. Nothing is started, resolved or asked: 'connect doctor'
    looks at servers.

    Exit code 0 without errors, 1 with one (with --strict: or a warning), 2 if a source cannot be read.
    """
    from connect.runtime.plugins import PluginHost

    if schema:
        if sources:
            raise UsageError("--schema prints the schema of all that is installed; it takes no SOURCE")
        from connect.runtime.validation.json_schema import connector_schema

        with redirect_stdout(sys.stderr):  # what a plugin prints is none of our output
            made = connector_schema(PluginHost.discover(plugin_path, tells=False))
        print_json(made)
        return 0
    if not sources:
        raise UsageError("no config is given", hint="Name files or folders, - for standard input, or give --schema.")
    wiring: Wiring = session.wiring  # type: ignore[attr-defined]
    with redirect_stdout(sys.stderr):
        placed, errors, count = _look(wiring, sources, worker_file, plugin_path)
    if as_json:
        print_json(_as_json(placed, errors, count))
    else:
        for one in placed:
            _show(one)
        click.echo(_summary(placed, count))
    for _, error in errors:
        print_error(error, as_json=as_json)
    if errors:
        return max(2, errors[0][1].exit_code)
    return 1 if is_to_be_mended((one.finding for one in placed), strict=strict) else 0


def _look(
    wiring: Wiring, sources: Iterable[Path], worker_file: Path | None, folders: tuple[Path, ...]
) -> tuple[list[_Placed], list[tuple[str, ConnectError]], int]:
    from connect.cli.settings import worker_config
    from connect.runtime.config_texts.forms import is_yaml, of_text
    from connect.runtime.plugins import PluginHost
    from connect.runtime.worker_config import WorkerConfig

    worker = WorkerConfig.parse({}) if worker_file is None else worker_config(worker_file, {}, {})
    plugins = PluginHost.discover([*folders, *worker.plugin_folders], tells=False)
    placed: list[_Placed] = []
    errors: list[tuple[str, ConnectError]] = []
    names: dict[str, str] = {}
    count = 0
    for path in _files(sources, errors):
        where = "standard input" if str(path) == "-" else str(path)
        try:
            text = read_text(path, otherwise=None if path.suffix == ".json" else "latin-1")
            name = "config" if str(path) == "-" else path.stem
            yaml = path.suffix in (".yaml", ".yml") or is_yaml(text)
            configs = of_text(where, name, text, yaml=yaml)
        except ConnectError as error:
            errors.append((where, error))
            continue
        lines = _yaml_lines(text) if yaml and not _is_json(text) else _lines(where, text)
        placed += [] if yaml else _twice(where, text, lines)  # YAML with a key twice was refused
        for pasted in configs:
            count += 1
            placed += [
                _Placed(where, _only(lines.get(finding.check)), finding)
                for finding in _of(wiring, plugins, worker, pasted, names, knows_worker=worker_file is not None)
            ]
    return placed, errors, count


def _files(sources: Iterable[Path], errors: list[tuple[str, ConnectError]]) -> Iterator[Path]:
    for source in sources:
        if not source.is_dir():
            yield source
            continue
        try:
            yield from configs_in(source)
        except ConfigError as error:
            errors.append((str(source), error))


def _of(
    wiring: Wiring,
    plugins: PluginHost,
    worker: WorkerConfig,
    pasted: Pasted,
    names: dict[str, str],
    *,
    knows_worker: bool,
) -> Iterator[Finding]:
    from connect.runtime.config_texts.forms import Form
    from connect.runtime.validation.linting import lint_connector, lint_worker
    from connect.runtime.validation.migration import readable_worker

    if pasted.form is Form.CONNECTOR:
        if pasted.name in names:
            told = f"connector {pasted.name} is in {names[pasted.name]}, too"
            yield Finding("name", Level.ERROR, told, TWICE, "Give it another name.")
        names.setdefault(pasted.name, pasted.where)
        yield from lint_connector(plugins, worker, pasted.name, pasted.config, knows_worker=knows_worker)
    elif pasted.form is Form.WORKER:
        readable = readable_worker(pasted.config)[0]
        refused = [
            *wiring.listener_problems(readable),
            *wiring.client_problems(readable),
            *wiring.log_problems(readable),
        ]
        yield from lint_worker(plugins, pasted.config, wiring.log_keys(), refused)
    else:
        yield Finding(
            "",
            Level.ERROR,
            f"it is a file of {pasted.form.value}",
            "config.unreadable",
            "'connect migrate check' says what becomes of it.",
        )


# -- where it is ---------------------------------------------------------------------------------------------------


def _is_json(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[")


def _yaml_lines(text: str) -> dict[str, list[int]]:
    lines: dict[str, list[int]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if (match := _YAML_KEY.match(line)) is not None:
            lines.setdefault(match[1], []).append(number)
    return lines


def _lines(where: str, text: str) -> dict[str, list[int]]:
    """Return the lines in which each key stands."""
    lines: dict[str, list[int]] = {}
    if _is_json(text):
        for match in _JSON_KEY.finditer(text):
            key = json.loads(f'"{match[1]}"')
            lines.setdefault(key, []).append(text.count("\n", 0, match.start()) + 1)
        return lines
    try:
        numbered = parse_numbered(text, where)
    except ConfigError:  # another form of text, which has no lines of keys
        return {}
    for line, key, _ in numbered:
        lines.setdefault(key, []).append(line)
    return lines


def _only(lines: Sequence[int] | None) -> int | None:
    return lines[0] if lines is not None and len(lines) == 1 else None


def _twice(where: str, text: str, lines: dict[str, list[int]]) -> Iterator[_Placed]:
    """Yield keys that stand twice in one object, of which readers take the last without a word."""
    twice: dict[str, None] = {}
    if _is_json(text):

        def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
            twice.update((key, None) for key, count in Counter(key for key, _ in found).items() if count > 1)
            return dict(found)

        json.loads(text, object_pairs_hook=pairs)
    else:
        twice.update((key, None) for key, found in lines.items() if len(found) > 1)
    for key in twice:
        first, last = lines[key][0], lines[key][-1]
        told = f"it stands twice, first in line {first}; the last one holds"
        yield _Placed(where, last, Finding(key, Level.ERROR, told, TWICE, "Remove one of the two."))


# -- showing -------------------------------------------------------------------------------------------------------


def _show(one: _Placed) -> None:
    finding = one.finding
    file = one.file.replace("\n", "\\n")  # a line each, as programs read them
    place = file if one.line is None else f"{file}:{one.line}"
    about = f"{finding.check}: " if finding.check else ""
    click.echo(visible(f"{place}: {finding.level.value}: {about}{finding.message} [{finding.code}]"))
    if finding.fix:
        click.echo(visible(f"    {finding.fix}"))


def _counts(placed: Iterable[_Placed]) -> dict[str, int]:
    levels = [one.finding.level for one in placed]
    return {"errors": levels.count(Level.ERROR), "warnings": levels.count(Level.WARNING)}


def _summary(placed: Sequence[_Placed], count: int) -> str:
    counts = _counts(placed)
    told = ", ".join(f"{number} {word[:-1] if number == 1 else word}" for word, number in counts.items())
    return f"{count} config{'s' * (count != 1)}: {told}"


def _as_json(placed: Sequence[_Placed], errors: Sequence[tuple[str, ConnectError]], count: int) -> dict[str, Any]:
    return {
        "findings": [
            {
                "file": one.file,
                "line": one.line,
                "level": one.finding.level.value,
                "key": one.finding.check,
                "code": one.finding.code,
                "message": one.finding.message,
                "fix": one.finding.fix,
            }
            for one in placed
        ],
        "errors": [{"source": source, **error_body(error)} for source, error in errors],
        "summary": {"configs": count, **_counts(placed)},
    }
