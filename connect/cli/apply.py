"""`connect apply`: brings the connectors of a worker to what files say, by a plan that can be read first.

Theory of operation. Every file is read and every config planned before anything is changed: a plan says what sending a
config would do, and the ETag of what is there. Each change is then sent with that ETag, so that it is refused where
somebody else was faster. A hash over all of it, as it is shown, lets a later run insist on the plan that was read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import click
import orjson

from connect.api import ConfigError, ConflictError, ConnectError, EnvironmentFault, NotFoundError
from connect.api.error_codes import register_code
from connect.cli import lifecycle
from connect.cli.changes import change_lines
from connect.cli.connectors import show_warnings
from connect.cli.output import UsageError, confirm, error_body, print_error, print_json, yes_option
from connect.cli.rest import RestClient, rest_command

if TYPE_CHECKING:
    from connect.cli.settings import ConnectorFile

WORLD_CHANGED = register_code(
    "apply.world_changed",
    "What there is, or what the files say, is not what the plan with that hash was made of.",
    "Read the plan anew with 'connect apply --plan'.",
)
OTHER_SET = register_code(
    "apply.other_set",
    "A connector of the files belongs to another set.",
    "Take it out of the files, or out of its set with 'connect connector patch NAME --remove apply.set'.",
)

#: What a worker that does not know a route answers: Kafka Connect's, with no code, or an older one of ours.
_NO_ROUTE: Final = (NotFoundError.default_code, "request.invalid")
_SET: Final = "apply.set"
_HASH_CHARS: Final = 16
_DONE: Final = {"create": "created", "change": "changed", "delete": "deleted"}
_SIGNS: Final = {"create": "+", "change": "~", "delete": "-"}


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done about one connector.

    Attributes:
        action: create, change, delete or nothing.
        etag: Of the config that is there, in quotes; None where there is none.
        restarts: How many tasks restart with their connector; None: nothing restarts.
        file: What it is to be; None where it is to go.
        secrets: The worker's digest of the secrets that change, which are shown masked; None where none does.
    """

    name: str
    action: str
    etag: str | None
    changes: Sequence[dict[str, Any]]
    restarts: int | None
    file: ConnectorFile | None
    secrets: str | None = None

    def told(self) -> dict[str, Any]:
        """Return it as programs get it, and as it is hashed."""
        state = None if self.file is None or self.file.initial_state is None else self.file.initial_state.value
        return {
            "name": self.name,
            "action": self.action,
            "etag": self.etag,
            "changes": list(self.changes),
            "restarts": self.restarts,
            "secrets": self.secrets,
            "initial_state": state if self.action == "create" else None,
        }


@click.command()
@click.argument("paths", metavar="DIR|FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done, with a hash of it; do nothing.")
@click.option("--hash", "expected", metavar="HASH", help="Do it only if the plan is still the one with this hash.")
@click.option("--set", "set_name", metavar="NAME", help="Mark these connectors as one set, by their key apply.set.")
@click.option("--prune", is_flag=True, help="With --set: delete connectors of the set that are in no file. Asks.")
@yes_option
@lifecycle.wait_options
@rest_command
def apply(
    rest: RestClient,
    paths: Sequence[Path],
    only_plan: bool,
    expected: str | None,
    set_name: str | None,
    prune: bool,
    yes: bool,
    wait: bool,
    timeout_s: float,
    as_json: bool,
) -> int:
    """Bring connectors to what config files say: create, change, and with --prune delete them.

    Of a folder the .json, .yaml, .yml and .properties files are read, each as 'connect worker' takes it. All are
    checked before anything is changed, and a change is refused where somebody else has changed the connector meanwhile.
    Applied a second time nothing changes.
    """
    if prune and not set_name:
        raise UsageError(
            "--prune needs --set NAME: it deletes connectors of that set alone, so that several folders of files do "
            "not delete each other's"
        )
    with Problems("nothing was applied") as problems:
        files = read_files(paths, problems, set_name)
        steps = plan_all(rest, files, problems, set_name)
    steps += _pruned(rest, files, set_name) if prune and set_name else ()
    found = hash_of(steps)
    if only_plan:
        told = {"hash": found, "steps": [step.told() for step in steps]}
        print_json(told) if as_json else click.echo("\n".join([*plan_lines(steps), f"hash: {found}"]))
        return 0
    if expected is not None and expected != found:
        raise ConflictError(
            f"the plan has the hash {found} by now, and not {expected}: connectors or files have changed since",
            code=WORLD_CHANGED,
        )
    if not as_json:
        click.echo("\n".join(plan_lines(steps)), err=True)
    if gone := [step.name for step in steps if step.action == "delete"]:
        confirm(f"Delete {', '.join(gone)}?", yes=yes)
    return _carry_out(rest, steps, found, timeout_s=timeout_s if wait else None, as_json=as_json)


# -- reading and planning ------------------------------------------------------------------------------------------


def read_files(paths: Sequence[Path], problems: Problems, set_name: str | None = None) -> list[ConnectorFile]:
    """Return the connectors of files, and of those in folders, in the order of their names.

    Args:
        problems: Gathers what is wrong with each file.
        set_name: What they are all marked with.
    """
    from connect.cli.settings import connector_file

    found, wheres = dict[str, Any](), dict[str, Path]()
    for path in _paths(paths, problems):
        with problems.catch():
            file = connector_file(path)
            if file.name in found:
                raise UsageError(
                    f"connector {file.name!r} is in {wheres[file.name]} and in {path}",
                    hint="Have each connector in one file alone.",
                )
            if set_name and file.config.setdefault(_SET, set_name) != set_name:
                raise ConfigError(
                    f"{path}: {_SET} is {file.config[_SET]!r}, and --set is {set_name!r}",
                    code=OTHER_SET,
                    config_path=_SET,
                )
            found[file.name], wheres[file.name] = file, path
    return [found[name] for name in sorted(found)]


def _paths(paths: Sequence[Path], problems: Problems) -> Iterable[Path]:
    from connect.cli.settings import configs_in

    for path in paths:
        if not path.is_dir():
            yield path
            continue
        with problems.catch():
            yield from configs_in(path)


def plan_all(
    rest: RestClient, files: Sequence[ConnectorFile], problems: Problems, set_name: str | None = None
) -> list[Step]:
    """Return what is to be done about each file's connector; nothing is done.

    Args:
        problems: Gathers what is wrong with each config.
    """
    steps = []
    for file in files:
        with problems.catch(file.name):
            found = _planned(rest, file)
            _check_set(found, file.name, set_name)
            steps.append(
                Step(
                    file.name,
                    found["action"],
                    found["etag"],
                    found["changes"],
                    found["restarts"],
                    file,
                    found.get("secrets"),  # none of a worker that is a little older
                )
            )
    return steps


def _planned(rest: RestClient, file: ConnectorFile) -> dict[str, Any]:
    try:
        path = f"/v1/connectors/{quote(file.name, safe='')}/config/plan"
        found: dict[str, Any] = rest.call("PUT", path, file.config)
    except NotFoundError as error:
        if error.code in _NO_ROUTE:
            raise EnvironmentFault(
                f"the worker at {rest.shown_url} makes no plans: it is Kafka Connect's, or an older one",
                hint="Use 'connect connector apply', which needs no plan.",
            ) from None
        raise
    return found


def _check_set(found: dict[str, Any], name: str, set_name: str | None) -> None:
    other = next((change["before"] for change in found["changes"] if change["key"] == _SET), None)
    if other and set_name and other != set_name:
        raise ConflictError(f"connector {name!r} belongs to set {other!r}, and --set is {set_name!r}", code=OTHER_SET)


def _pruned(rest: RestClient, files: Sequence[ConnectorFile], set_name: str) -> list[Step]:
    """Return the deletions of the set's connectors that are in none of the files."""
    known = {file.name for file in files}
    there = rest.call("GET", "/connectors", params={"expand": "info"})
    gone = [
        name
        for name, entry in sorted(there.items())
        if name not in known and entry["info"]["config"].get(_SET, "").strip() == set_name
    ]
    steps = []
    for name in gone:
        try:
            # Looked at once more, with the ETag: what somebody takes out of the set after that has another one.
            config, etag = rest.config_and_etag(name)
        except NotFoundError:  # somebody was faster
            continue
        if config.get(_SET, "").strip() == set_name:
            steps.append(Step(name, "delete", etag, [], len(there[name]["info"]["tasks"]), None))
    return steps


def hash_of(steps: Sequence[Step]) -> str:
    """Return a hash of a plan and of what it was made of. Secrets are in it by digests that the worker alone can make:
    who reads the hash cannot try which ones they are."""
    text = orjson.dumps([step.told() for step in steps], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:_HASH_CHARS]


def plan_lines(steps: Sequence[Step]) -> list[str]:
    """Return a plan for people: each connector with its keys that change, and what restarts."""
    lines = []
    for step in steps:
        if step.action == "nothing":
            continue
        restarts = f" (restarts it and {_counted(step.restarts, 'task')})" if step.restarts is not None else ""
        if step.action == "delete":
            restarts = f" (ends {_counted(step.restarts or 0, 'task')})"
        lines += [f"{_SIGNS[step.action]} {step.action} {step.name}{restarts}", *change_lines(step.changes)]
    counts = {action: sum(step.action == action for step in steps) for action in (*_DONE, "nothing")}
    told = [f"{count} to {action}" for action, count in counts.items() if count and action != "nothing"]
    told += [f"{counts['nothing']} unchanged"] * bool(counts["nothing"])
    return [*lines, ", ".join(told)]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


# -- doing ---------------------------------------------------------------------------------------------------------


def _carry_out(
    rest: RestClient, steps: Sequence[Step], plan_hash: str, *, timeout_s: float | None, as_json: bool
) -> int:
    """Do it, one connector after the other; say what was done and what not, whatever fails; return the exit code."""
    todo = [step for step in steps if step.action != "nothing"]
    told: list[dict[str, Any]] = [{"name": step.name, "done": "unchanged"} for step in steps if step not in todo]
    codes: list[int] = []
    is_over = False
    for step in todo:
        if is_over:
            told.append({"name": step.name, "done": "not tried"})
            continue
        try:
            _do(rest, step)
            told.append({"name": step.name, "done": _DONE[step.action]})
            if not as_json:
                click.echo(f"{_DONE[step.action]} {step.name}")
            if step.file is not None:
                show_warnings(rest, step.name, step.file.config, as_json=as_json)
                if timeout_s is not None:
                    codes.append(_waited(rest, step, timeout_s))
        except ConnectError as error:
            codes.append(error.exit_code)
            told.append({"name": step.name, "error": error_body(error)})
            if not as_json:
                print_error(error, as_json=False)
            # What befalls every other one too.
            is_over = isinstance(error, EnvironmentFault) or error.code.startswith("auth.")
    _sum_up(told, plan_hash, as_json=as_json)
    return next((code for code in codes if code not in (0, 4)), max(codes, default=0))


def _do(rest: RestClient, step: Step) -> None:
    assert step.action in _DONE, "what changes nothing is not done"
    if step.file is None:
        rest.named("DELETE", step.name, root="/v1/connectors", only_if=step.etag)
    elif step.action == "create" and step.file.initial_state is not None:
        # Refused where it is there by now.
        body = {"name": step.name, "config": step.file.config, "initial_state": step.file.initial_state.value}
        rest.call("POST", "/connectors", body)
    else:
        rest.named("PUT", step.name, "/config", step.file.config, root="/v1/connectors", only_if=step.etag or "")


def _waited(rest: RestClient, step: Step, timeout_s: float) -> int:
    assert step.file is not None, "it is there"
    wanted = rest.named("GET", step.name, "/status")["connector"]["state"]
    if step.action == "create":
        wanted = "RUNNING" if step.file.initial_state is None else step.file.initial_state.value
    return lifecycle.waited(rest, step.name, wanted if wanted in ("PAUSED", "STOPPED") else "RUNNING", timeout_s)


def _sum_up(told: Sequence[dict[str, Any]], plan_hash: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"hash": plan_hash, "connectors": list(told)})
        return
    failed = [one["name"] for one in told if "error" in one]
    not_tried = [one["name"] for one in told if one.get("done") == "not tried"]
    if failed:
        done = [one["name"] for one in told if one.get("done") in _DONE.values()]
        parts = [f"done: {', '.join(done) or 'none'}", f"failed: {', '.join(failed)}"]
        parts += [f"not tried: {', '.join(not_tried)}"] * bool(not_tried)
        click.echo("; ".join(parts), err=True)


class Problems:
    """Gathers what is wrong with several files; raises it as one error at the end, also where a worker that does not
    answer ends that early.

    Args:
        so: What that means.
    """

    def __init__(self, so: str) -> None:
        self._so = so
        self._found: list[ConnectError] = []

    def __enter__(self) -> Problems:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        if not self._found or (kind is not None and not isinstance(error, ConnectError)):
            return
        first, count = self._found[0], len(self._found)
        lines = [f"- {one.message}" for one in self._found]
        if isinstance(error, ConnectError):
            lines.append(f"- the others could not be checked: {error.message}")
        if len(lines) > 1:
            are_wrong = "are" if count > 1 else "is"
            first.message = "\n".join([f"{count} of the configs {are_wrong} wrong, and {self._so}:", *lines])
        raise first from error

    def catch(self, name: str = "") -> _Catch:
        """Return a context in which an error about one file is kept for later."""
        return _Catch(self._found.append, name)


class _Catch:
    def __init__(self, keep: Callable[[ConnectError], None], name: str) -> None:
        self._keep = keep
        self._name = name

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> bool:
        is_kept = isinstance(error, ConnectError) and not isinstance(error, EnvironmentFault)
        if not is_kept or error.code.startswith("auth."):  # type: ignore[union-attr]
            return False
        assert isinstance(error, ConnectError)
        if self._name and not re.search(rf"connector '?{re.escape(self._name)}(?!\w)", error.message, re.IGNORECASE):
            error.message = f"connector {self._name!r}: {error.message}"
        self._keep(error)
        return True
