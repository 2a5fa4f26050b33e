"""Which files the connectors of a worker may touch: `file.allowed.paths`, and what is for none of them."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import connect
from connect.api.files import FileRules
from connect.credentials import contexts_file
from connect.runtime.addresses import is_loopback
from connect.runtime.worker_config import WorkerConfig, listener_host

_EVERYWHERE: Final = "*"
_TLS_FILES: Final = ("ssl.keystore.location", "ssl.keystore.key.location", "ssl.truststore.location")
_PACKAGES: Final = ("site-packages", "dist-packages")
_CODE: Final = ("stdlib", "platstdlib", "purelib", "platlib", "scripts")


def file_rules(config: WorkerConfig) -> FileRules:
    """Return the rules of a worker.

    Who reaches a worker that listens on loopback alone has an account on the machine, and the rights of that: all files
    are allowed, as in Kafka Connect. Once a listener is open to others, files of the working directory are, unless
    `file.allowed.paths` says which.
    """
    listed = [path for path in config.file_allowed_paths if path]
    if _EVERYWHERE in listed or (not listed and all(map(is_loopback, map(listener_host, config.addresses)))):
        allowed = None
    else:
        allowed = tuple(os.path.realpath(path) for path in listed or (Path.cwd(),))
    # Packages may lie beside those of the interpreter, as those that an image installs at its start.
    packages = (entry for entry in sys.path if os.path.basename(entry) in _PACKAGES)  # noqa: PTH119 - a text
    code = {*packages, *_folders_of_python(), site.getusersitepackages(), str(Path(connect.__file__).parent)}
    return FileRules(
        allowed,
        tuple(os.path.realpath(path) for path in _own(config)),
        tuple(sorted(os.path.realpath(path) for path in code if path)),
    )


@cache
def _folders_of_python() -> tuple[str | None, ...]:
    return tuple(map(sysconfig.get_path, _CODE))


def _own(config: WorkerConfig) -> Iterator[str]:
    yield config.data_dir
    yield str(contexts_file())
    yield from config.plugin_folders
    yield from filter(None, [config.connectors_dir])  # who writes there makes connectors
    texts = [config.rest_authentication_file]
    texts += [
        str(config.originals.get(prefix + name) or "") for prefix in ("", "listeners.https.") for name in _TLS_FILES
    ]
    yield from filter(None, texts)
