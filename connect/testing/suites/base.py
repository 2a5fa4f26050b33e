"""What is asked of every plugin, and how a check says that it failed."""

from __future__ import annotations

import asyncio
import inspect
import io
import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, Final, NoReturn

import pytest

from connect.api import Config, ConfigError, ConfigKey, ConfigType, ConnectError, DataError, Plugin, Record
from connect.runtime.secrets import is_untyped
from connect.testing.harness.loops import until

#: Where each check is explained; the check's name is the anchor.
PAGE: Final = "docs/reference/certificate.md"
#: How long a secret is, in characters, that is in no text by chance.
_TELLING: Final = 8
#: How often in a row a use has to leave a socket open, for which the other end is not to blame.
_SOCKET_ROUNDS: Final = 3
#: What no key of these types can be.
_WRONG: Final[Mapping[ConfigType, str]] = {
    ConfigType.BOOLEAN: "perhaps",
    ConfigType.INT: "many",
    ConfigType.SHORT: "many",
    ConfigType.LONG: "many",
    ConfigType.DOUBLE: "many",
}
_KEY: Final = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
#: Set as each secret; nothing may show it.
MARKER: Final = "c0nnect-s3cret-marker"


class Suite:
    """Checks of a plugin's declaration. The suites for each kind stand on it.

    Attributes:
        config: The plugin's config as a user gives it, text by key.
        deadline_s: How long one call of the plugin may take.
    """

    config: ClassVar[Mapping[str, str]] = {}
    deadline_s: ClassVar[float] = 10.0

    def make_config(self, folder: Path) -> dict[str, str]:
        """Return the config for one test. Override it where the config names what has to be made first: a file in
        `folder`, a table of the test's own."""
        return dict(self.config)

    def plugin_class(self) -> type[Plugin]:
        """Return the class that is tested."""
        raise NotImplementedError

    # -- the declaration ---------------------------------------------------------------------------------------------

    def test_config_is_taken(self, tmp_path: Path) -> None:
        """The config of the suite is right by the plugin's own declaration."""
        try:
            self._config_class.parse(self.make_config(tmp_path))
        except ConfigError as error:
            self.broken(f"the config of the suite is refused: {error.message}")

    def test_config_keys_are_documented(self) -> None:
        """Each key says what it is for: REST, forms and pages show that."""
        for key in self._keys.values():
            if not key.internal and len(key.documentation.strip()) < 3:
                self.broken(
                    f"the key {key.name} says nothing of what it is for; write a sentence in its config_key, or "
                    "under Args: in the function's docstring"
                )

    def test_config_keys_are_lower_case_words(self) -> None:
        """Keys look as those of all connectors do: lower case, with dots between the words."""
        for name in self._keys:
            if not _KEY.fullmatch(name):
                self.broken(
                    f"the key {name!r} has capitals, spaces or signs; expected words with dots: {_dotted(name)!r}"
                )

    def test_config_required_keys_are_asked_for(self, tmp_path: Path) -> None:
        """Without a key that it needs the plugin is refused before it runs, and the key is named."""
        given = self.make_config(tmp_path)
        for key in self._keys.values():
            if key.required:
                left = {name: value for name, value in given.items() if name != key.name}
                self._refused(left, key.name, f"the config has no {key.name}, which is required")

    def test_config_values_of_a_wrong_type_are_refused(self, tmp_path: Path) -> None:
        """A text that is no number, or no boolean, is refused before the plugin runs, and the key is named."""
        given = self.make_config(tmp_path)
        for key in self._keys.values():
            if key.type in _WRONG:
                wrong = _WRONG[key.type]
                self._refused(
                    given | {key.name: wrong}, key.name, f"{key.name} is {wrong!r}, and no {key.type.lower()}"
                )

    def test_config_defaults_are_valid(self, tmp_path: Path) -> None:
        """What a key is by default is something that it would take if it were given."""
        given = self.make_config(tmp_path)
        for key in self._keys.values():
            if key.required or key.default_text is None or key.type is ConfigType.PASSWORD:
                continue
            errors = self._config_class.values({**given, key.name: key.default_text}, together=False)[key.name].errors
            if errors:
                self.broken(f"the default of {key.name} is {key.default_text!r}, and it is not taken: {errors[0]}")

    def test_config_unknown_keys_are_passed_over(self, tmp_path: Path) -> None:
        """A key that the plugin does not know is nothing to fail for: others read it, or a later version."""
        given = self.make_config(tmp_path) | {"some.key.of.somebody.else": "x"}
        try:
            self._config_class.parse(given)
        except ConfigError as error:
            self.broken(f"a key that it does not know is refused: {error.message}")

    def test_config_secrets_are_typed(self) -> None:
        """A key for a password or a token is a `Secret`, so that nothing prints it."""
        for key in self._keys.values():
            if is_untyped(key):
                self.broken(f"the key {key.name} holds a secret by its name, and is {key.type}; declare it as Secret")

    def test_config_secrets_are_not_printed(self, tmp_path: Path) -> None:
        """No secret is in what is printed of the config, nor in what is said where one is wrong."""
        secrets = [key.name for key in self._keys.values() if key.type is ConfigType.PASSWORD]
        given = self.make_config(tmp_path) | dict.fromkeys(secrets, MARKER)
        try:
            config: Any = self._config_class.parse(given)
        except ConfigError as error:
            shown = f"{error.message} {error!r}"
        else:
            shown = f"{config!r} {config} {config.model_dump()}"
        if secrets and MARKER in shown:
            self.broken(f"a secret of {', '.join(secrets)} is printed with the config, or with what is wrong with it")

    def test_plugin_is_documented(self) -> None:
        """The class or function has a docstring: its first line is what a list of plugins says of it."""
        if not (self.plugin_class().__doc__ or "").strip() or "__doc__" not in vars(self.plugin_class()):
            self.broken("it has no docstring: say in a sentence what it reads, writes or changes")

    def test_plugin_names_are_names(self) -> None:
        """Class name and aliases are what a config can give."""
        cls = self.plugin_class()
        for name in (cls.plugin_name(), *cls.aliases):
            if not re.fullmatch(r"[\w$]+(\.[\w$]+)*", name.replace("<locals>.", "")):
                self.broken(f"it is called {name!r}, which no config can give; expected words with dots")

    def test_plugin_has_a_version(self) -> None:
        """The version is one: '1.2', '1.2.3rc1'. Left out, it is that of the distribution."""
        if not re.fullmatch(r"\d+(\.\d+)*\S*", str(self.plugin_class().version)):
            self.broken(f"its version is {self.plugin_class().version!r}; expected numbers with dots, or nothing")

    # -- for checks --------------------------------------------------------------------------------------------------

    def broken(self, what: str) -> NoReturn:
        """Fail the check that calls this, with what broke and where to read on."""
        frame = sys._getframe(1)
        while frame.f_back is not None and not frame.f_code.co_name.startswith("test_"):
            frame = frame.f_back
        check = frame.f_code.co_name.removeprefix("test_").replace("_", "-")
        raised = self._where_raised()
        pytest.fail(f"{self.plugin_class().__qualname__}: {what}.\n{raised}  Read on: {PAGE}#{check}", pytrace=False)

    def _where_raised(self) -> str:
        """Return a line on where the plugin raised the error that is handled now; '' where there is none of its own."""
        error, own = sys.exception(), self.plugin_class().__module__.partition(".")[0]
        found: list[tuple[FrameType, int]] = []
        while error is not None:  # what the runtime makes of an error has the plugin's own as its cause, which counts
            frames = traceback.walk_tb(error.__traceback__)
            found = [at for at in frames if str(at[0].f_globals.get("__name__")).partition(".")[0] == own] or found
            error = error.__cause__
        if not found:
            return ""
        frame, line = found[-1]
        return f"  Raised at: {frame.f_code.co_filename}:{line}, in {frame.f_code.co_name}\n"

    @property
    def _config_class(self) -> type[Config]:
        return self.plugin_class().config_class

    @property
    def _keys(self) -> dict[str, ConfigKey]:
        return self._config_class.keys()

    @contextmanager
    def _working(self, what: str) -> Iterator[None]:
        """Fail the check where what runs within raises: it does not come to `what`."""
        try:
            yield
        except (ConnectError, AssertionError) as error:
            self.broken(f"it does not come to {what}: {error}")

    def _secrets(self, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Return the config with a mark in each secret that it does not have, and its secrets to look for by key.

        A short one, such as a salt 's', stands in any text by chance: it is not looked for, and the check is skipped
        where there is no other.
        """
        names = [key.name for key in self._keys.values() if key.type is ConfigType.PASSWORD]
        made = {**dict.fromkeys(names, MARKER), **given}
        sought = {name: made[name] for name in names if len(made[name]) >= _TELLING}
        if names and not sought:
            pytest.skip(
                f"what the suite gives as {', '.join(names)} is too short to be told from other text; "
                f"give {_TELLING} characters or more"
            )
        return made, sought

    def _fits(self, record: Record, which: str = "") -> None:
        """Fail where the key or the value of a record is not what its schema says. `which`: behind 'a key'."""
        parts = (("key", record.key_schema, record.key), ("value", record.value_schema, record.value))
        for part, schema, value in parts:
            try:
                if schema is not None:
                    schema.validate(value)
            except DataError as error:
                self.broken(f"a {part}{which} does not fit its schema: {error.message}")

    def _refused(self, config: Mapping[str, str], key: str, what: str) -> None:
        values = self._config_class.values(config, together=False)
        if not values[key].errors:
            self.broken(f"{what}, and it is taken all the same")
        if key not in " ".join(values[key].errors):
            self.broken(f"{what}, and what is said of it does not name the key: {values[key].errors[0]}")


@contextmanager
def nothing_left(broken: Callable[[str], NoReturn]) -> Iterator[None]:
    """Fail where threads or open files are left over that were not there before."""
    threads, files = set(threading.enumerate()), _files()
    yield
    left: list[str] = []

    def is_gone() -> bool:
        left[:] = [f"thread {thread.name}" for thread in threading.enumerate() if thread not in threads]
        return not left

    try:
        until(is_gone, deadline_s=2.0)
    except AssertionError:
        broken(f"{', '.join(left)} is left over")
    opened = [name for name in _files() if name not in files]
    if opened:
        broken(f"{', '.join(sorted(opened))} is still open")


def no_more_sockets(broken: Callable[[str], NoReturn], use: Callable[[], Any]) -> None:
    """Use something again and again; fail where each time leaves more sockets open than there were before.

    They are counted, and not told apart: what is pooled for the whole process closes some and opens others.
    """
    for _ in range(_SOCKET_ROUNDS):
        before = _sockets()
        use()
        try:
            until(lambda before=before: _sockets() <= before, deadline_s=2.0)  # type: ignore[misc]
        except AssertionError:
            continue
        return
    broken("each start and stop leaves a connection open")


@contextmanager
def logged() -> Iterator[list[str]]:
    """Collect everything that is logged or printed meanwhile, as text."""
    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                lines.append(self.format(record))
            except Exception:  # a line that does not fit its arguments is not the end of who writes it
                self.handleError(record)

    class Printed(io.TextIOBase):
        def write(self, text: str) -> int:
            lines.append(text)
            return len(text)

    handler, root = Collect(level=logging.DEBUG), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(Printed()), redirect_stderr(Printed()):
            yield lines
    finally:
        root.setLevel(before)
        root.removeHandler(handler)


def told(error: BaseException) -> list[str]:
    """Return all that is shown of an error: its message and hint, and as its trace those of what it came from."""
    hint = error.hint if isinstance(error, ConnectError) else ""
    return [hint, *traceback.format_exception(error)]


def difference(expected: Sequence[Any], found: Sequence[Any]) -> str:
    """Return where what was found differs first from what was expected, in words."""
    for number, pair in enumerate(zip(expected, found, strict=False)):
        if pair[0] != pair[1]:
            return f"record {number + 1} is {pair[1]!r:.200}; expected {pair[0]!r:.200}"
    return f"{len(found)} records; expected {len(expected)}"


async def awaited(awaitable: Any) -> Any:
    """Await what a method gave that was called without a loop."""
    return await awaitable


async def other_tasks() -> list[str]:
    """Return the names of what else runs on the loop, a moment later."""
    await asyncio.sleep(0.05)
    return [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]


def ended(plugin: Any, method: str) -> None:
    """Call `stop` or `close` of a plugin that no harness holds."""
    result = getattr(plugin, method)()
    if inspect.isawaitable(result):
        asyncio.run(awaited(result))


def _files() -> set[str]:
    """The files that this process has open, where the system can tell."""
    ours = ((number, target) for number, target in _descriptors() if target.startswith("/"))
    return {f"{target} ({number})" for number, target in ours if not _is_of_the_system(target)}


def _is_of_the_system(target: str) -> bool:
    """Whether an open file is a device or of the kernel's; files in memory are files like any other."""
    return target.startswith(("/dev/", "/proc/")) and not target.startswith("/dev/shm/")  # noqa: S108


def _sockets() -> int:
    """How many sockets this process has open, where the system can tell."""
    return sum(target.startswith("socket:") for _, target in _descriptors())


def _descriptors() -> Iterator[tuple[str, str]]:
    """Yield each open file descriptor and what it leads to."""
    folder = Path("/proc/self/fd")
    for entry in folder.iterdir() if folder.is_dir() else ():
        try:
            yield entry.name, str(entry.readlink())
        except OSError:
            continue  # it was the listing's own


def _dotted(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", ".", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", ".", name).lower()).strip(".")
