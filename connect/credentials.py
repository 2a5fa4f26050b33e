"""Who may use REST: a file of names, roles and hashed secrets.

One entry a line, `NAME:ROLE:HASH`; empty lines and lines that begin with '#' are left out. Roles are `read` (look at
everything) and `write` (change it too). A hash is one of

    $scrypt$N$R$P$SALT$KEY    a password, salt and key in base64; scrypt as in RFC 7914
    $sha256$HEX               a bearer token that `new_token` made

A password is chosen by a person, so guessing it must be slow: 16 MiB and some 40 ms for each try. A token is 256 bits
of randomness, which nobody guesses: a plain digest is enough, and each request stays quick.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from connect.api import ConfigError, EnvironmentFault
from connect.api.error_codes import register_code

logger = logging.getLogger(__name__)

AUTH_REQUIRED: Final = register_code(
    "auth.required",
    "The request carries no valid user and password, and no valid token.",
    "Send them, with 'connect context set' for the command line; 'connect user set' makes an entry.",
)
AUTH_DENIED: Final = register_code(
    "auth.denied",
    "The user may look but not change anything, or the request comes from a web page of another origin.",
    "Ask for the role write, or list the origin in access.control.allow.origin.",
)

AUTH_HELD_BACK: Final = register_code(
    "auth.held_back",
    "There were too many wrong passwords or tokens from one address, or too many at once.",
    "Wait as long as the header Retry-After says; who was let in before is not held back.",
)

_N, _R, _P, _KEY_BYTES = 1 << 14, 8, 1, 32
#: scrypt needs 128 * N * r bytes; what a hash from elsewhere may ask for is bounded, or a line of the file could stop
#: the worker.
_MEMORY_BYTES_MAX = 128 << 20


class Role(StrEnum):
    """What an entry allows."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the file."""

    name: str
    role: Role
    hash: str

    @property
    def is_token(self) -> bool:
        """Whether the entry is for a bearer token and not for a password."""
        return self.hash.startswith("$sha256$")

    def __str__(self) -> str:
        return f"{self.name}:{self.role}:{self.hash}"


def hash_password(password: str) -> str:
    """Return the hash of a password. Takes some 40 ms on purpose."""
    salt = secrets.token_bytes(16)
    key = _scrypt(password, salt, _N, _R, _P)
    return f"$scrypt${_N}${_R}${_P}${b64encode(salt).decode()}${b64encode(key).decode()}"


def new_token() -> tuple[str, str]:
    """Return a new bearer token, and the hash that is stored of it."""
    token = secrets.token_urlsafe(32)
    return token, hash_token(token)


def hash_token(token: str) -> str:
    """Return the hash of a bearer token."""
    return f"$sha256${hashlib.sha256(token.encode()).hexdigest()}"


def check_password(password: str, hashed: str) -> bool:
    """Say whether a password is the one of a hash. Takes some 40 ms: not on the event loop."""
    _, _, n, r, p, salt, key = hashed.split("$")
    found = _scrypt(password, b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(found, b64decode(key))


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MEMORY_BYTES_MAX, dklen=_KEY_BYTES)


def contexts_file() -> Path:
    """Return where the command line keeps how to reach workers, with passwords and tokens."""
    if given := os.environ.get("CONNECT_CONTEXTS_FILE"):
        return Path(given)
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "connect" / "contexts.json"


# -- the file ------------------------------------------------------------------------------------------------------


def read(path: Path) -> dict[str, Entry]:
    """Read the entries of a file, by name.

    Raises:
        ConfigError: It cannot be read, or a line is no entry; says which line, and nothing of what it holds.
    """
    try:
        text = path.read_text()
        keep_private(path, 0o007)  # a group may be given it, for a worker that runs under another user
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the credentials file {path} cannot be read: {error}", code="config.unreadable") from error
    entries: dict[str, Entry] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            entry = _entry(path, number, line.strip())
            if entry.name in entries:
                raise _wrong(path, number, f"{entry.name!r} is there twice")
            entries[entry.name] = entry
    return entries


def _entry(path: Path, number: int, line: str) -> Entry:
    name, _, rest = line.partition(":")
    role, _, hashed = rest.partition(":")
    if not name or role not in tuple(Role):
        raise _wrong(path, number, "NAME:ROLE:HASH with the role read or write is expected")
    if not _is_hash(hashed):
        raise _wrong(path, number, f"the hash of {name!r} is not one that 'connect user set' makes")
    return Entry(name, Role(role), hashed)


def _is_hash(hashed: str) -> bool:
    match hashed.split("$"):
        case ["", "sha256", digest]:
            return len(digest) == 64 and set(digest) <= set("0123456789abcdef")
        case ["", "scrypt", n, r, p, salt, key]:
            try:
                if not all(part.isascii() and part.isdigit() for part in (n, r, p)):
                    return False
                sizes = int(n), int(r), int(p)
                b64decode(salt, validate=True)
                return len(b64decode(key, validate=True)) == _KEY_BYTES and _is_possible(*sizes)
            except ValueError:
                return False
    return False


def _is_possible(n: int, r: int, p: int) -> bool:
    # RFC 7914: N is a power of two; OpenSSL needs a little more than 128 * r * (N + p + 2) bytes.
    return n > 1 and n & (n - 1) == 0 and 0 < r <= 32 and 0 < p <= 16 and 128 * r * (n + p + 2) < _MEMORY_BYTES_MAX


def _wrong(path: Path, number: int, what: str) -> ConfigError:
    return ConfigError(
        f"credentials file {path}, line {number}: {what}",
        code="config.unreadable",
        hint="Make entries with 'connect user set'.",
    )


def write(path: Path, entries: Mapping[str, Entry]) -> None:
    """Replace a file's entries, as a whole or not at all; only its owner may read it.

    Raises:
        EnvironmentFault: It cannot be written.
    """
    lines = "".join(f"{entry}\n" for entry in entries.values())
    try:
        write_private(path, "# NAME:ROLE:HASH, made by 'connect user set'\n" + lines)
    except OSError as error:
        raise EnvironmentFault(f"the credentials file {path} cannot be written: {error.strerror}") from error


def keep_private(path: Path, others: int) -> None:
    """Take a file that holds secrets from those whom these mode bits stand for.

    Say so, also where it cannot be done.
    """
    mode = path.stat().st_mode
    if not mode & others:
        return
    try:
        path.chmod(mode & 0o7777 & ~others)
    except OSError as error:
        logger.warning("%s can be read by others (mode %o): %s", path, mode & 0o7777, error.strerror)
    else:
        logger.warning("%s could be read by others (mode %o); it cannot any more", path, mode & 0o7777)


def write_private(path: Path, text: str) -> None:
    """Replace a file that only its owner may read, as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
