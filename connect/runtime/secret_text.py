"""Secrets inside texts: where they lie in a URL or a line of parameters, the text without them, and the way back.

Known are the password of `scheme://user:password@host` and of `jdbc:oracle:thin:user/password@host`, and the values of
parameters whose name says that they are secret, as URLs, drivers, JAAS and JSON write them (`?password=`,
`;Password={…}`, `(password=…)`, `password="…"`, `"token": "…"`), and the credentials of an Authorization header.

There are two ways of looking. A *value* is a config's: it is nothing but what a driver will read, so a password may
hold quotes and spaces. A *line* is a message, in which a URL is quoted and ends where the words go on. Where it cannot
be told how far a password goes, rather too much is hidden than too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from connect.api import HIDDEN

#: The mask as it may come back: tools that take URLs apart encode its brackets.
_MASK = re.compile(r"(?:\[|%5B)hidden(?:\]|%5D)", re.IGNORECASE)
_REFERENCE = re.compile(r"\$\{[^}]+\}")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_ENDINGS: Final = (
    "password", "passwords", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets", "token", "apikey",
    "privatekey", "secretkey", "accesskey", "accountkey", "sharedkey", "signingkey", "encryptionkey", "credential",
    "credentials", "jaasconfig",
)  # fmt: skip
_ALONE: Final = frozenset({"pass", "pw"})
_PAIRS: Final = frozenset(
    [
        (first, "key")
        for first in (
            "api", "private", "secret", "access", "account", "shared", "signing", "encryption", "master", "keystore",
        )
    ]
    + [("jaas", "config"), ("user", "info")]
)  # fmt: skip
#: Of a URL's parameters, further names: a signature lets in whoever has it.
_SIGNATURES: Final = frozenset({"sig", "signature"})
#: Parts of the names of parameters that say where a driver goes, and as whom.
_DESTINATIONS = re.compile(
    r"host|server|addr|port|proxy|sock|source|service|factory|url|endpoint|user|uid|driver|class", re.IGNORECASE
)


def is_secret_name(name: str) -> bool:
    """Say whether a key's name makes its value a secret: `db.password`, `sslPassword`, `aws.secret.access.key`."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return False
    # The last part whole too: 'PassWord' is no two words.
    last = re.split(r"[\W\d_]+", name.rstrip("0123456789._- "))[-1].lower()
    return last.endswith(_ENDINGS) or words[-1] in _ALONE or tuple(words[-2:]) in _PAIRS


@dataclass(frozen=True, slots=True)
class Span:
    """A secret's place in a text. `of` says what it is of: a parameter's name in lower case, or '@' of a URL's user."""

    start: int
    end: int
    of: str


def holds_mask(text: str) -> bool:
    """Say whether a text holds what is shown in place of a secret."""
    return _MASK.search(text) is not None


def spans(text: str, *, line: bool = False) -> list[Span]:
    """Return where secrets lie, in order and apart. A reference to a config provider is no secret."""
    # Most texts have none of these signs: they are not looked through.
    if "=" not in text and "://" not in text and ":" not in text:
        return []
    found = [*_of_users(text, line), *_of_oracle(text, line), *_of_parameters(text, line)]
    kept: list[Span] = []
    for span in sorted(found, key=lambda span: (span.start, -span.end)):
        if span.start < span.end and (not kept or span.start >= kept[-1].end):
            kept.append(span)
    return [span for span in kept if not _REFERENCE.fullmatch(text[span.start : span.end])]


def hide(text: str, *, line: bool = False) -> str:
    """Return a text without the secrets in it."""
    return _replaced(text, [(span, HIDDEN) for span in spans(text, line=line)])


def pieces(text: str) -> list[str]:
    """Return the secrets in a config's value."""
    return [text[span.start : span.end] for span in spans(text)]


def restored(stored: str, sent: str) -> str | None:
    """Return a value that was shown, changed and sent back, with its secrets as they are stored.

    None where they are not known.

    A secret is known where the same part held it, at the same address and for the same user: what is kept is never sent
    to a place that was changed.
    """
    shown, sent = hide(stored), _MASK.sub(HIDDEN, sent)
    if sent == shown:
        return stored
    known: dict[str, list[str]] = {}
    for span in spans(stored):
        known.setdefault(span.of, []).append(stored[span.start : span.end])
    wanted = [span for span in spans(sent) if sent[span.start : span.end] == HIDDEN]
    if len(wanted) != sent.count(HIDDEN) or _place(shown) != _place(hide(sent)):
        return None
    if any(len(known.get(span.of, ())) != 1 for span in wanted):
        return None
    found = _replaced(sent, [(span, known[span.of][0]) for span in wanted])
    # What was put back is hidden again, or it would be shown to the next reader.
    return found if hide(found) == hide(sent) and not holds_mask(found) else None


def _replaced(text: str, parts: list[tuple[Span, str]]) -> str:
    if not parts:
        return text
    kept, position = [], 0
    for span, part in parts:
        kept += [text[position : span.start], part]
        position = span.end
    return "".join([*kept, text[position:]])


def _place(shown: str) -> tuple[str, ...]:
    """Return what of a masked URL says where a driver goes; of any other text, all of it."""
    scheme, sign, rest = shown.partition("://")
    if not sign or "://" in rest:
        return (shown,)
    parameters = re.split(r"[?&;]", rest)[1:]
    return (scheme, re.split(r"[/?#;\\]", rest, maxsplit=1)[0], *filter(_DESTINATIONS.search, map(unquote, parameters)))


# -- finding -------------------------------------------------------------------------------------------------------

_USER = re.compile(r"://[^\s\"'<>/?#@:]*:")
# A password may hold '://' too: what ends it is another URL of a list, in a line also what ends a word.
_END_OF_VALUE = re.compile(r",\s*[A-Za-z][\w+.-]{0,30}://")
_END_OF_LINE = re.compile(r"[\s\"'<>]|,[A-Za-z][\w+.-]{0,30}://")
#: How far behind a user's name a password is looked for, well beyond the tokens of clouds; bounded, so that a text of
#: many beginnings takes no longer.
_PASSWORD_MAX: Final = 8192
_NO_PARAMETERS = re.compile(r"[^=@]*@")
_PORT = re.compile(r"[0-9]{1,5}(?![^/?#;,\s\"'])")


def _of_users(text: str, line: bool) -> Iterator[Span]:
    if "://" not in text or "@" not in text:
        return
    end_of, covered, next_at = _END_OF_LINE if line else _END_OF_VALUE, 0, 0
    for match in _USER.finditer(text):
        if match.end() < covered:
            continue
        if next_at < match.end() and (next_at := text.find("@", match.end())) < 0:
            return
        if next_at - match.end() > _PASSWORD_MAX:
            continue
        run = text[match.end() : match.end() + _PASSWORD_MAX]
        if (end := end_of.search(run)) is not None:
            run = run[: end.start()]
        # A password may hold any sign, encoded or not; parameters behind '?' may hold an '@' as well.
        head, _, rest = run.partition("?")
        at = -1 if _NO_PARAMETERS.match(rest) else head.rfind("@")
        if at < 0 and not _PORT.match(run):
            at = run.rfind("@")
        if at > 0:
            covered = match.end() + at
            yield Span(match.end(), match.end() + at, "@")


# Bounded, so that a text of many such beginnings takes no longer than another.
_ORACLE_OF_VALUE = re.compile(r"jdbc:oracle:\w+:[^/@]{0,256}/(.{0,1024})@", re.IGNORECASE | re.DOTALL)
_ORACLE_OF_LINE = re.compile(r"jdbc:oracle:\w+:[^/@\s]{0,256}/(\S{0,1024})@", re.IGNORECASE)


def _of_oracle(text: str, line: bool) -> Iterator[Span]:
    for match in (_ORACLE_OF_LINE if line else _ORACLE_OF_VALUE).finditer(text):
        yield Span(*match.span(1), "@")


_NAME_OF_VALUE = re.compile(r"(?P<open>\()?(?<![\w.%-])(?P<name>[\w.%-]{1,100})\s*=\s*")
_NAME_OF_LINE = re.compile(r"(?P<open>\()?(?<![\w.%-])(?P<name>[\w.%-]{1,100})=")
_QUOTED = r"\"(?P<double>(?:[^\"\\]|\\.)*)|'(?P<single>[^']*)|\{(?P<braced>[^}]*)"
_OF_VALUE = re.compile(rf"{_QUOTED}|(?P<plain>[^&;\n]*)")
_OF_LINE = re.compile(rf"{_QUOTED}|(?P<plain>[^&;\s\"']*)")
_IN_BRACKETS = re.compile(rf"{_QUOTED}|(?P<plain>[^)]*)")
_JSON = re.compile(
    r"(?P<quote>\\?\")(?P<name>[\w. -]{1,100})(?P=quote)\s*:\s*"
    r"(?P=quote)(?P<plain>(?:(?!(?P=quote))(?:\\[^\"]|\\\"(?!\s*[,}])|.))*)",
    re.DOTALL,
)
_HEADER = re.compile(
    r"(?P<name>authorization)[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|token|apikey)\s+)?(?P<plain>[^\s\"',;]+)",
    re.IGNORECASE,
)
_GROUPS: Final = ("double", "single", "braced", "plain")


def _of_parameters(text: str, line: bool) -> Iterator[Span]:
    if "=" in text:
        # The value of a name that is no secret's is looked through for further names, since it may be a URL.
        covered = 0
        for match in (_NAME_OF_LINE if line else _NAME_OF_VALUE).finditer(text):
            name = unquote(match["name"])
            if match.end() <= covered:  # a secret's text is not looked through
                continue
            if is_secret_name(name) or name.lower().rpartition("-")[2] in _SIGNATURES:
                value = (_IN_BRACKETS if match["open"] else _OF_LINE if line else _OF_VALUE).match(text, match.end())
                assert value is not None, "each of them matches nothing, too"
                covered = value.end()
                yield _span(value, name)
    if ":" in text and '"' in text:
        yield from (_span(match, match["name"]) for match in _JSON.finditer(text) if is_secret_name(match["name"]))
    if "uthorization" in text or "UTHORIZATION" in text:
        yield from (_span(match, match["name"]) for match in _HEADER.finditer(text))


def _span(match: re.Match[str], name: str) -> Span:
    group = next(group for group in _GROUPS if match.groupdict().get(group) is not None)
    return Span(*match.span(group), name.lower())
