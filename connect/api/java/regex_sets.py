"""Sets of characters as Java's patterns name them, written as sets of the engine `regex`.

Without flags `\\d \\w \\s` and the POSIX names mean ASCII; with `(?U)` what Unicode says. Upper and lower case are the
same with `(?i)`: of ASCII's letters alone, of all with `(?iu)`, one character for one.

Source: java.util.regex.CharPredicates and java.lang.Character of JDK 17.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Set
from functools import cache
from typing import Final

import regex

ALL: Final = r"[\u0000-\U0010ffff]"  # as [\s\S] it could not be negated
WORD: Final = r"[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]"

_SHORTHANDS: Final = {
    "d": "[0-9]",
    "w": "[a-zA-Z0-9_]",
    "s": r"[ \t\n\x0b\f\r]",
    "h": r"[ \t\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000]",
    "v": r"[\n\x0b\f\r\x85\u2028\u2029]",
}
_UNICODE_SHORTHANDS: Final = {"d": r"[\p{Nd}]", "w": WORD, "s": r"[\p{White_Space}]"}

_POSIX: Final = {
    "ASCII": r"[\x00-\x7f]",
    "Alnum": "[a-zA-Z0-9]",
    "Alpha": "[a-zA-Z]",
    "Blank": r"[ \t]",
    "Cntrl": r"[\x00-\x1f\x7f]",
    "Digit": "[0-9]",
    "Graph": r"[\x21-\x7e]",
    "Lower": "[a-z]",
    "Print": r"[\x20-\x7e]",
    "Punct": r"[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]",
    "Space": r"[ \t\n\x0b\f\r]",
    "Upper": "[A-Z]",
    "XDigit": "[0-9a-fA-F]",
}
#: By names in upper case.
_UNICODE_POSIX: Final = {
    "ALNUM": r"[\p{Alphabetic}\p{Nd}]",
    "ALPHA": r"[\p{Alphabetic}]",
    "BLANK": r"[\p{Zs}\t]",
    "CNTRL": r"[\p{Cc}]",
    "DIGIT": r"[\p{Nd}]",
    "GRAPH": r"[^\p{White_Space}\p{Cc}\p{Cs}\p{Cn}]",
    "LOWER": r"[\p{Lowercase}]",
    "PRINT": r"[[[^\p{White_Space}\p{Cc}\p{Cs}\p{Cn}][\p{Zs}]]&&[^\p{Cc}]]",
    "PUNCT": r"[\p{P}]",
    "SPACE": r"[\p{White_Space}]",
    "UPPER": r"[\p{Uppercase}]",
    "XDIGIT": r"[\p{Nd}\p{Hex_Digit}]",
}
_ONE_CHARACTER: Final = re.compile(r"[^\\]|\\(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_IGNORABLE: Final = r"\x00-\x08\x0e-\x1b\x7f-\x9f\p{Cf}"
_CHARACTER: Final = {
    "javaLowerCase": r"[\p{Lowercase}]",
    "javaUpperCase": r"[\p{Uppercase}]",
    "javaAlphabetic": r"[\p{Alphabetic}]",
    "javaIdeographic": r"[\p{Ideographic}]",
    "javaTitleCase": r"[\p{Lt}]",
    "javaDigit": r"[\p{Nd}]",
    "javaDefined": r"[^\p{Cn}]",
    "javaLetter": r"[\p{L}]",
    "javaLetterOrDigit": r"[\p{L}\p{Nd}]",
    "javaJavaIdentifierStart": r"[\p{L}\p{Nl}\p{Sc}\p{Pc}]",
    "javaJavaIdentifierPart": rf"[\p{{L}}\p{{Sc}}\p{{Pc}}\p{{Nd}}\p{{Nl}}\p{{Mc}}\p{{Mn}}{_IGNORABLE}]",
    "javaUnicodeIdentifierStart": r"[\p{L}\p{Nl}\p{Other_ID_Start}]",
    "javaUnicodeIdentifierPart": (
        rf"[\p{{L}}\p{{Pc}}\p{{Nd}}\p{{Nl}}\p{{Mc}}\p{{Mn}}\p{{Other_ID_Start}}\p{{Other_ID_Continue}}{_IGNORABLE}]"
    ),
    "javaIdentifierIgnorable": f"[{_IGNORABLE}]",
    "javaSpaceChar": r"[\p{Z}]",
    "javaWhitespace": r"[[\p{Z}&&[^\xa0\u2007\u202f]]\t-\r\x1c-\x1f]",
    "javaISOControl": r"[\x00-\x1f\x7f-\x9f]",
    "javaMirrored": r"[\p{Bidi_Mirrored}]",
}
_CATEGORIES: Final = frozenset(
    [
        "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Me", "Mc", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Co",
        "Cs", "Pd", "Ps", "Pe", "Pc", "Po", "Sm", "Sc", "Sk", "So", "Pi", "Pf", "L", "M", "N", "Z", "C", "P", "S",
    ]
)  # fmt: skip
_CASED: Final = r"[\p{Lu}\p{Ll}\p{Lt}]"
_GENERAL: Final = {
    **{name: rf"[\p{{{name}}}]" for name in _CATEGORIES},
    "LC": _CASED,
    "LD": r"[\p{L}\p{Nd}]",
    "L1": r"[\x00-\xff]",
    "all": ALL,
    **_POSIX,
    **_CHARACTER,
}
#: Binary properties, behind `Is`, in upper case and without what is not a letter.
_BINARY: Final = {
    "ALPHABETIC": r"[\p{Alphabetic}]",
    "ASSIGNED": r"[^\p{Cn}]",
    "CONTROL": r"[\p{Cc}]",
    "DIGIT": r"[\p{Nd}]",
    "HEXDIGIT": r"[\p{Nd}\p{Hex_Digit}]",
    "HEX_DIGIT": r"[\p{Nd}\p{Hex_Digit}]",
    "IDEOGRAPHIC": r"[\p{Ideographic}]",
    "JOINCONTROL": r"[\p{Join_Control}]",
    "JOIN_CONTROL": r"[\p{Join_Control}]",
    "LETTER": r"[\p{L}]",
    "LOWERCASE": r"[\p{Lowercase}]",
    "NONCHARACTERCODEPOINT": r"[\p{Noncharacter_Code_Point}]",
    "NONCHARACTER_CODE_POINT": r"[\p{Noncharacter_Code_Point}]",
    "PUNCTUATION": r"[\p{P}]",
    "TITLECASE": r"[\p{Lt}]",
    "UPPERCASE": r"[\p{Uppercase}]",
    "WHITESPACE": r"[\p{White_Space}]",
    "WHITE_SPACE": r"[\p{White_Space}]",
    "WORD": WORD,
}
#: What stands for any case where upper and lower case are the same.
_ANY_CASE: Final = {
    **dict.fromkeys(("Lu", "Ll", "Lt"), _CASED),
    **dict.fromkeys(("Lower", "Upper"), "[a-zA-Z]"),
    **dict.fromkeys(("javaLowerCase", "javaUpperCase", "javaTitleCase"), r"[\p{Lowercase}\p{Uppercase}\p{Lt}]"),
    **dict.fromkeys(("LOWERCASE", "UPPERCASE", "TITLECASE"), r"[\p{Lowercase}\p{Uppercase}\p{Lt}]"),
}
_UNICODE_ANY_CASE: Final = dict.fromkeys(("LOWER", "UPPER"), r"[\p{Lowercase}\p{Uppercase}\p{Lt}]")
#: Blocks that Java knows by names which Unicode has given up.
_OLD_BLOCKS: Final = {
    "greek": "Greek and Coptic",
    "combiningmarksforsymbols": "Combining Diacritical Marks for Symbols",
    "cyrillicsupplementary": "Cyrillic Supplement",
}


def negated(members: str) -> str:
    """Return all characters but those of a set."""
    # The engine takes [^…] with a property and its opposite inside for everything: as a difference it is right.
    plain = "[" not in members[1:] and "\\p" not in members and "\\P" not in members and members[1] != "^"
    if not plain:
        return f"[{ALL}--{members}]"
    # It takes the union of two [^…] of one character each, and alternatives of them, for what is in both: a set of
    # several members, be it one twice, is no single character to it.
    inside = members[1:-1]
    return f"[^{inside}{inside}]" if _ONE_CHARACTER.fullmatch(inside) else f"[^{inside}]"


def written(char: str) -> str:
    """Return a character so that it stands for itself, inside a set and outside."""
    if char.isascii() and char.isalnum():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def single(char: str, flags: Set[str]) -> str | None:
    """Return the members of the set that one character stands for; None where that is it alone."""
    if "i" not in flags:
        return None
    members = between(char, char, flags)
    return None if members == written(char) else members


def between(low: str, high: str, flags: Set[str]) -> str:
    """Return the members of a range, with what differs in case alone where that counts as the same."""
    members = written(low) if low == high else f"{written(low)}-{written(high)}"
    if "i" not in flags:
        return members
    if "u" in flags:
        more = _same_case(low) if low == high else _cased_like(low, high)
    else:
        more = {c.swapcase() for c in _LETTERS if low <= c <= high}
    return members + "".join(written(c) for c in sorted(more) if not low <= c <= high)


_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _upper(char: str) -> str:
    upper = char.upper()
    return upper if len(upper) == 1 else char


def _lower(char: str) -> str:
    lower = char.lower()
    return lower if len(lower) == 1 else "i"  # there is one: the capital I with a dot


@cache
def _cased() -> dict[str, tuple[str, str]]:
    """Return Character.toUpperCase, and toLowerCase of that, for each character that these change."""
    cased = {}
    for code in range(0x1EA00):  # no character beyond has a case
        char = chr(code)
        upper = _upper(char)
        lower = _lower(upper)
        if upper != char or lower != char:
            cased[char] = (upper, lower)
    return cased


@cache
def _by_fold() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for char, (_, folded) in _cased().items():
        found[folded] |= {char, folded}
    return found


def _same_case(char: str) -> set[str]:
    """Return the characters that `(?iu)` takes for this one."""
    return _by_fold().get(_lower(_upper(char)), set())


def _cased_like(low: str, high: str) -> set[str]:
    """Return the characters whose upper case, or the lower case of that, is in a range: what Java asks, and no more."""
    return {c for c, (upper, folded) in _cased().items() if low <= upper <= high or low <= folded <= high}


def is_shorthand(char: str) -> bool:
    """Whether a backslash and this character stand for a set."""
    return char.lower() in _SHORTHANDS


def shorthand(char: str, flags: Set[str]) -> str:
    """Return the set of `\\d`, `\\W` and their kin, in brackets."""
    name = char.lower()
    members = _UNICODE_SHORTHANDS.get(name) if "U" in flags else None
    members = members or _SHORTHANDS[name]
    return negated(members) if char.isupper() else members


def of_property(name: str, flags: Set[str]) -> str:
    """Return the set of `\\p{name}`, in brackets.

    Raises:
        ValueError: Java knows no such property.
    """
    found = _of_key(name, flags) if "=" in name else _of_name(name, flags)
    if found is None:
        raise ValueError(f"Unknown character property name {{{name}}}")
    return found


def _of_key(text: str, flags: Set[str]) -> str | None:
    key, _, value = text.partition("=")
    match key.lower():
        case "sc" | "script":
            return _script(value)
        case "blk" | "block":
            return _block(value)
        case "gc" | "general_category":
            return _general(value, flags)
    return None


def _of_name(name: str, flags: Set[str]) -> str | None:
    if name.startswith("In"):
        return _block(name[2:])
    if name.startswith("Is"):
        short = name[2:]
        return _binary(short, flags) or _posix(short, flags) or _general(short, flags) or _script(short)
    return (_posix(name, flags) if "U" in flags else None) or _general(name, flags)


def _general(name: str, flags: Set[str]) -> str | None:
    return _ANY_CASE.get(name, _GENERAL.get(name)) if "i" in flags else _GENERAL.get(name)


def _posix(name: str, flags: Set[str]) -> str | None:
    """Return what Unicode says of a POSIX name, in whatever case that is written."""
    name = name.upper()
    return _UNICODE_ANY_CASE.get(name, _UNICODE_POSIX.get(name)) if "i" in flags else _UNICODE_POSIX.get(name)


def _binary(name: str, flags: Set[str]) -> str | None:
    name = name.upper()
    return _ANY_CASE.get(name, _BINARY.get(name)) if "i" in flags else _BINARY.get(name)


def _script(name: str) -> str | None:
    return _engine_property("Script", name)


def _block(name: str) -> str | None:
    plain = "".join(c for c in name if c.isalnum()).lower()
    return _engine_property("Block", _OLD_BLOCKS.get(plain, name))


@cache
def _engine_property(kind: str, value: str) -> str | None:
    """Return a property whose values the engine knows; None where it does not know this one."""
    if not all(c.isalnum() or c in " _-" for c in value) or not value:
        return None
    members = rf"[\p{{{kind}={value}}}]"
    try:
        regex.compile(members, regex.V1)
    except regex.error:
        return None
    return members
