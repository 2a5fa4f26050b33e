"""What a container image starts: `python -m connect.container [COMMAND [OPTIONS]]`, `worker` where no command is given.

Theory of operation. Process 1 of a container gets every process that lost its parent, and of the signals only those
that it handles. So where this is process 1 it stays as little as that takes: it forks, hands signals on to its child,
gathers what ends, and ends with the child's exit code, after which the kernel ends what is left. The child is the
command `connect`, in a process group of its own, so that Ctrl-C on a terminal reaches it once. No shell is involved.

`CONNECT_PIP_INSTALL` names distributions with plugins, or a file of requirements, that are installed before a worker
starts. What it names is code that runs with the worker's rights, so it is the deployment's to set, like the image:
only requirements are taken, no options and no addresses; where they come from and whether hashes are asked for is in
pip's own variables (`PIP_INDEX_URL`, `PIP_REQUIRE_HASHES`, ...). What the image has is not replaced: a plugin that
needs another version of it is refused. Everything lies in a folder of the data volume, so that the image can be
read-only, and a start that finds it there needs no network.

Process 1 imports nothing but the standard library, which keeps it small.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final, NoReturn

PIP_INSTALL: Final = "CONNECT_PIP_INSTALL"
PIP_FOLDER: Final = "CONNECT_PIP_FOLDER"
#: How long an installation may take.
PIP_TIMEOUT_S: Final = 600.0
#: Below the working directory, which is the data volume: where packages go, and where connectors may have files.
_FOLDER: Final = "python"
FILES: Final = "files"
_FILE: Final = ".txt"
#: A name, extras and versions: PEP 508 without an address and without markers.
_REQUIREMENT: Final = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(\[[A-Za-z0-9._,-]*\])?([<>=!~][A-Za-z0-9.,*+!<>=~-]*)?"
)
#: What images of Kafka Connect have in the place of `worker`: Debezium's, Confluent's, Strimzi's.
_STARTS: Final = (
    "start",
    "/docker-entrypoint.sh start",
    "/etc/confluent/docker/run",
    "/opt/kafka/kafka_connect_run.sh",
)
_SHELLS: Final = ("bash", "sh", "/bin/bash", "/bin/sh")
_FORWARDED: Final = frozenset(
    (
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
    )
)
#: As the command's own: usage or config, environment.
_CONFIG, _ENVIRONMENT = 2, 3


def main() -> NoReturn:
    """Run the command line of this process."""
    arguments = command_line(sys.argv[1:])
    if not arguments:
        sys.exit(_CONFIG)
    if os.getpid() == 1:
        sys.exit(as_process_1(arguments))
    sys.exit(work(arguments))


def command_line(given: Sequence[str]) -> list[str]:
    """Return the command line of `connect` for what an image was given; say so where there is none, and return none.

    Options alone are the worker's, as behind the scripts of images of Kafka Connect, and so are these scripts' names.
    """
    arguments = list(given[1:] if given[:1] == ["connect"] else given) or ["worker"]
    for start in map(str.split, _STARTS):
        if arguments[: len(start)] == start:
            return ["worker", *arguments[len(start) :]]
    if arguments[0] in _SHELLS:
        _say(
            f"{arguments[0]}: what stands behind the image's name is a command line of 'connect', and no shell's: leave"
            f" it out for a worker, have plugins installed with {PIP_INSTALL} or in an image of your own, and"
            " connectors made of the files in CONNECT_CONNECTORS_DIR; for a shell take --entrypoint"
        )
        return []
    if arguments[0].startswith("-") and arguments[0] not in ("-h", "--help", "--version"):
        return ["worker", *arguments]
    return arguments


def as_process_1(arguments: Sequence[str]) -> int:
    """Run a command line in a child; return its exit code, 128 and the signal's number where a signal ended it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_FORWARDED, signal.SIGCHLD})
    child = os.fork()
    if child == 0:
        _lead_a_group()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        sys.exit(work(arguments))
    while True:
        number = signal.sigwait({*_FORWARDED, signal.SIGCHLD})
        if number != signal.SIGCHLD:
            os.kill(child, number)
        elif (code := _gathered(child)) is not None:
            return code if code >= 0 else 128 - code


def _lead_a_group() -> None:
    """Take a process group of one's own, and the terminal where there is one, as a shell gives it to what it runs."""
    os.setpgid(0, 0)
    if os.isatty(0):
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        with contextlib.suppress(OSError):  # a terminal that does not control this session has nothing to give
            os.tcsetpgrp(0, os.getpgrp())
        signal.signal(signal.SIGTTOU, before)


def _gathered(child: int) -> int | None:
    """Gather all that has ended; return the child's exit code once that is among them."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == child:
            code = os.waitstatus_to_exitcode(status)


def work(arguments: Sequence[str]) -> int:
    """Run a command line of `connect`, and before a worker's install what is asked for."""
    folder = Path(os.environ.get(PIP_FOLDER) or _FOLDER).absolute()
    wanted = os.environ.get(PIP_INSTALL, "").split() if arguments[0] == "worker" else []
    if wanted and (code := install(wanted, folder)) != 0:
        return code
    if arguments[0] == "worker":
        with contextlib.suppress(OSError):  # a volume of the deployment's own stands there, or nobody needs it
            Path(FILES).mkdir(exist_ok=True)
    site.addsitedir(str(packages_of(folder)))
    from connect.app import run

    return run(arguments)


def packages_of(folder: Path) -> Path:
    """Return where packages lie that were installed into a folder."""
    return Path(sysconfig.get_path("purelib", "posix_prefix", {"base": str(folder), "platbase": str(folder)}))


def install(wanted: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> int:
    """Install distributions below a folder, unless they are there; return an exit code, 0 where all is well.

    Args:
        wanted: Requirements, or absolute paths of files of them.
    """
    for text in wanted:
        if not _is_file(text) and _REQUIREMENT.fullmatch(text) is None:
            _say(
                f"{PIP_INSTALL}: {text!r} is no requirement such as connect-redis==1.0, and no path of a {_FILE} file; "
                "options and addresses are pip's own variables (PIP_INDEX_URL, PIP_FIND_LINKS, ...)"
            )
            return _CONFIG
    given = dict(os.environ if environment is None else environment)
    given["PYTHONPATH"] = os.pathsep.join(filter(None, [str(packages_of(folder)), given.get("PYTHONPATH", "")]))
    what = [part for text in wanted for part in (("--requirement", text) if _is_file(text) else (text,))]
    with tempfile.NamedTemporaryFile("w", prefix="connect-constraints-", suffix=".txt") as constraints:
        constraints.write("".join(f"{name}=={version}\n" for name, version in sorted(_installed().items())))
        constraints.flush()
        command = [
            sys.executable, "-m", "pip", "install", "--progress-bar", "off", "--no-input", "--no-cache-dir",
            "--disable-pip-version-check", "--no-warn-script-location", "--prefix", str(folder),
            "--constraint", constraints.name, *what,
        ]  # fmt: skip
        try:
            done = subprocess.run(command, env=given, timeout=PIP_TIMEOUT_S, check=False)  # noqa: S603 - no shell, checked
        except subprocess.TimeoutExpired:
            _say(f"{PIP_INSTALL}: pip did not end within {PIP_TIMEOUT_S:g} s")
            return _ENVIRONMENT
    if done.returncode != 0:
        _say(f"{PIP_INSTALL}: pip ended with {done.returncode}, as it says above; no worker starts without its plugins")
        return _ENVIRONMENT
    _say(f"{PIP_INSTALL}: {', '.join(wanted)} {'is' if len(wanted) == 1 else 'are'} installed")
    return 0


def _is_file(text: str) -> bool:
    return text.startswith("/") and text.endswith(_FILE)


def _installed() -> dict[str, str]:
    """Return what the image has, by name."""
    return {one.metadata["Name"]: one.version for one in metadata.distributions() if one.metadata["Name"]}


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
