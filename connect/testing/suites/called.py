"""What the certificates of transforms and converters have in common: plugins that are called, and have no task."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from connect.api import ConnectError
from connect.testing.suites.base import Suite, logged, no_more_sockets, nothing_left, told
from connect.testing.suites.values import ODD

T = TypeVar("T")

#: How often two threads go through the same at once.
_ROUNDS: Final = 20


class CalledSuite(Suite):
    """Checks of a plugin from `configure` to `close`. `TransformSuite` and `ConverterSuite` stand on it."""

    #: Where a secret would be seen, in words.
    _seen_in = "a message"

    # -- for the suites ----------------------------------------------------------------------------------------------

    def _unconfigured(self) -> Any:
        """Return an instance."""
        made: Any = self.plugin_class()()
        return made

    def _made(self, folder: Path) -> Any:
        """Return an instance that was configured."""
        made = self._unconfigured()
        made.configure(self._config_class.parse(self.make_config(folder)))
        return made

    def _used(self, folder: Path) -> None:
        """Make an instance, use it for what it is for, and close it."""
        raise NotImplementedError

    def _tried(self, made: Any, value: Any) -> Any:
        """Return what an instance makes of a value."""
        raise NotImplementedError

    def _own(self) -> Sequence[Any]:
        """Return what the suite has of its own to try an instance with."""
        return ()

    # -- life --------------------------------------------------------------------------------------------------------

    def test_life_begins_again_and_again(self, tmp_path: Path) -> None:
        """Twenty instances after each other work: nothing is held that the next one needs."""
        for number in range(20):
            with self._working(f"instance {number + 1} of 20"):
                self._used(tmp_path)

    def test_life_closes_twice(self, tmp_path: Path) -> None:
        """A second `close` is nothing to fail for."""
        made = self._made(tmp_path)
        for _ in range(2):
            try:
                made.close()
            except Exception as error:
                self.broken(f"a close raises {type(error).__name__}: {error}")

    def test_life_closes_when_it_was_not_configured(self) -> None:
        """`close` works on an instance whose `configure` failed, or never came."""
        try:
            self._unconfigured().close()
        except Exception as error:
            self.broken(f"close of one that was not configured raises {type(error).__name__}: {error}")

    def test_life_leaves_no_thread_and_no_file(self, tmp_path: Path) -> None:
        """What it opened and started is closed and ended behind a `close`."""
        self._used(tmp_path)  # what is opened once for the process is no leak
        with nothing_left(self.broken):
            self._used(tmp_path)
        no_more_sockets(self.broken, lambda: self._used(tmp_path))

    def test_life_hides_secrets(self, tmp_path: Path) -> None:
        """No secret of the config is in a message, in what comes out, or in the log."""
        given, secrets = self._secrets(self.make_config(tmp_path))
        shown = []
        with logged() as lines:
            try:
                made = self._unconfigured()
                made.configure(self._config_class.parse(given))
                shown += [str(self._tried(made, value)) for value in (*self._own(), *ODD)]
                made.close()
            except ConnectError as error:
                shown += told(error)
        for name, value in secrets.items():
            if any(value in text for text in (*shown, *lines)):
                self.broken(f"the secret of {name} is in {self._seen_in} or the log")

    # -- inside ------------------------------------------------------------------------------------------------------

    def _on_two_threads(self, folder: Path, use: Callable[[Any, bool], T]) -> list[T]:
        """Use two instances on two threads at once; return what the first one gave, round by round.

        Args:
            use: Called with an instance, and whether it is the second one, which goes the other way round.
        """
        found: list[list[T]] = [[], []]
        failures: list[BaseException] = []
        together = threading.Barrier(2)

        def run(number: int) -> None:
            try:
                made = self._made(folder)
                together.wait(self.deadline_s)
                for _ in range(_ROUNDS):
                    found[number].append(use(made, number == 1))
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(2)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + _ROUNDS * self.deadline_s
        while any(thread.is_alive() for thread in threads) and not failures:
            if time.monotonic() > deadline:
                self.broken(f"two instances at once do not come to an end within {_ROUNDS * self.deadline_s:g} s")
            threads[0 if threads[0].is_alive() else 1].join(0.05)
        if failures:
            self.broken(f"two instances at once do not work: {failures[0]}")
        return found[0]
