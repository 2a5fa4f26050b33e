"""Java's regular expressions, written for the engine `regex`.

The engine has what Java has (possessive and atomic groups, sets with `&&`, `\\p{…}`, `\\G`, `\\X`, look-behind); what
is left to translate is where the same text means something else: what `\\d \\w \\s \\b . ^ $` stand for, the flags,
upper and lower case, `(?<name>`, `\\Q…\\E`, the names of properties, and sets, in which `--` and `||` are the engine's
operators and Java's plain characters. `_Translation` follows Java's own parser step by step, so that it takes and
refuses the same.

It also reckons how large a pattern becomes: the engine writes out what is repeated, so that `((a{1000}){1000}){1000}`
would fill the memory while it is compiled.

Source: java.util.regex.Pattern and CharPredicates of JDK 17.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from connect.api.java import regex_sets as sets

#: A pattern of more characters is refused: compiling takes some 20 us a character.
CHARACTERS_MAX: Final = 16_384
#: A pattern that amounts to more elements, its repeated parts written out as often as they must match, is refused.
ELEMENTS_MAX: Final = 30_000
#: Groups and classes inside each other.
DEPTH_MAX: Final = 80

_REPETITIONS_MAX: Final = (1 << 31) - 1
_COUNT: Final = re.compile(r"\{([0-9]+)(?:(,)([0-9]*))?\}")
_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9]*")
_OCTAL: Final = re.compile("[0-3][0-7]{2}|[0-7]{1,2}")
_HEX: Final = {"x": re.compile("[0-9a-fA-F]{2}"), "u": re.compile("[0-9a-fA-F]{4}")}
_CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "a": "\a", "e": "\x1b"}

_LINE_END: Final = r"[\n\r\x85\u2028\u2029]"
_END: Final = r"(?:(?=\r\n\Z)|(?<!\r)(?=\n\Z)|(?=[\r\x85\u2028\u2029]\Z)|\Z)"
_BREAK: Final = r"(?:\r\n|[\n\x0b\f\r\x85\u2028\u2029])"
_NEVER: Final = "(?!)"
_EMPTY: Final = "(?:)"


def translate(pattern: str) -> str:
    """Return a Java pattern in the words of `regex`, for its version 1 and without flags.

    Raises:
        ValueError: Not a Java pattern, or one that is too large; says why and where.
    """
    if len(pattern) > CHARACTERS_MAX:
        raise ValueError(f"Invalid regex: it has {len(pattern)} characters; at most {CHARACTERS_MAX} are taken")
    return _Translation(_unquoted(pattern)).whole()


def _unquoted(pattern: str) -> str:
    """Write what is between \\Q and \\E, or after a last \\Q, with a backslash for each character that needs one."""
    out: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern.startswith("\\Q", at):
            end = pattern.find("\\E", at + 2)
            end = len(pattern) if end < 0 else end
            quoted = pattern[at + 2 : end]
            # A digit may follow a reference to a group, so that it must not be read as part of its number.
            out += [f"\\x{ord(c):02x}" if i == 0 and c in "0123456789" else _escaped(c) for i, c in enumerate(quoted)]
            at = end + 2
        else:
            width = 2 if pattern[at] == "\\" else 1
            out.append(pattern[at : at + width])
            at += width
    return "".join(out)


def _escaped(char: str) -> str:
    return f"\\{char}" if char.isascii() and not char.isalnum() else char


class _Translation:
    """One pass over a pattern; `_at` is the next character, `_flags` are those in force there.

    Methods that return a part of a pattern return it with the number of elements that it amounts to.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._flags: frozenset[str] = frozenset()
        self._groups = 0
        self._names: set[str] = set()
        self._depth = 0
        self._closed: set[int] = set()

    def whole(self) -> str:
        out, elements = self._alternatives()
        if self._at < len(self._text):
            raise self._error("Unmatched closing ')'")
        if elements > ELEMENTS_MAX:
            raise self._too_large(elements)
        return out

    # -- groups and sequences --------------------------------------------------------------------------------------

    def _alternatives(self) -> tuple[str, int]:
        """Translate up to the `)` that closes this group, or to the end."""
        out, total = self._sequence()
        parts = [out]
        while self._peek() == "|":
            self._next()
            out, elements = self._sequence()
            parts.append(out)
            total += elements
        return "|".join(parts), total

    def _sequence(self) -> tuple[str, int]:
        parts: list[str] = []
        total = 1
        while (char := self._peek()) not in ("", "|", ")"):
            if char in "*+?":
                raise self._error(f"Dangling meta character '{char}'")
            piece, elements = (_EMPTY, 1) if char == "{" else self._piece()
            if piece:
                piece, elements = self._repeated(piece, elements)
            parts.append(piece)
            total += elements
            if total > ELEMENTS_MAX:
                raise self._too_large(total)
        return "".join(parts), total

    def _piece(self) -> tuple[str, int]:
        char = self._peek()
        if char == "(":
            return self._group()
        self._next()
        if char == "[":
            return self._class(), 1
        if char == "\\":
            return self._escape(), 1
        if char == "^":
            return self._line_start(), 1
        if char == "$":
            return self._line_end(), 1
        if char == ".":
            return self._dot(), 1
        return self._literal(char), 1

    def _repeated(self, piece: str, elements: int) -> tuple[str, int]:
        """Translate the quantifier that follows a piece, if one does."""
        char = self._peek()
        least, quantifier = 0, char
        if char and char in "*+?":
            least = int(char == "+")
            self._next()
        elif char == "{":
            least, quantifier = self._count()
        else:
            return piece, elements
        follows = self._peek()
        if follows and follows in "?+":
            self._next()
            quantifier += follows
        if piece == _BREAK:  # repeated it never gives back the second half of a line end
            piece = f"(?>{piece})"
        # What must match n times the engine writes out n times, and once more for the times that it may match.
        return f"(?:{piece}){quantifier}", elements * (least + 1)

    def _count(self) -> tuple[int, str]:
        match = _COUNT.match(self._text, self._at)
        if match is None:
            closed = self._text[self._at + 1 : self._at + 2].isdigit()
            raise self._error("Unclosed counted closure" if closed else "Illegal repetition")
        self._at = match.end()
        least = _repetitions(match[1])
        most = least if match[2] is None else _repetitions(match[3]) if match[3] else _REPETITIONS_MAX
        if max(least, most) > _REPETITIONS_MAX or most < least:
            raise self._error("Illegal repetition range")
        return least, match[0]

    def _group(self) -> tuple[str, int]:
        saved = self._flags
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise ValueError(f"Invalid regex: more than {DEPTH_MAX} groups or classes inside each other")
        opening, number = self._opening()
        if not opening:  # flags for what follows; they end with the group around them
            self._depth -= 1
            return "", 1
        out, elements = self._alternatives()
        if self._peek() != ")":
            raise self._error("Unclosed group")
        self._next()
        self._depth -= 1
        self._flags = saved
        if number:
            self._closed.add(number)
        whole = f"{opening}{out})"
        return (f"(?:{whole})" if opening in ("(?=", "(?!", "(?<=", "(?<!") else whole), elements + 1

    def _opening(self) -> tuple[str, int]:
        """Take what opens a group: its opening here, empty where only flags are set, and its number if it captures."""
        self._at += 1
        text = self._text
        if not text.startswith("?", self._at):
            self._groups += 1
            return "(", self._groups
        for opening in ("?:", "?=", "?!", "?>", "?<=", "?<!"):
            if text.startswith(opening, self._at):
                self._at += len(opening)
                return f"({opening}", 0
        if text.startswith("?<", self._at):
            self._at += 2
            name = self._name()
            if name in self._names:
                raise self._error(f"Named capturing group <{name}> is already defined")
            self._names.add(name)
            self._groups += 1
            return f"(?P<{name}>", self._groups
        self._at += 1
        return ("(?:" if self._inline_flags() else ""), 0

    def _name(self) -> str:
        match = _NAME.match(self._text, self._at)
        if match is None:
            raise self._error("capturing group name does not start with a Latin letter")
        self._at = match.end()
        if not self._text.startswith(">", self._at):
            raise self._error("named capturing group is missing trailing '>'")
        self._at += 1
        return match[0]

    def _inline_flags(self) -> bool:
        """Take flags up to `)` or `:` and return whether it was `:`, which opens a group."""
        on: set[str] = set()
        off: set[str] = set()
        into = on
        while True:
            char = self._text[self._at : self._at + 1]
            self._at += 1
            if char and char in "idmsuxU":
                into.add(char)
                if char == "U" and into is on:
                    on.add("u")
            elif char == "-" and into is on:
                into = off
            elif char and char in "):":
                self._flags = (self._flags | on) - off
                return char == ":"
            else:
                raise self._error("Unknown inline modifier")

    # -- characters ------------------------------------------------------------------------------------------------

    def _peek(self) -> str:
        """Return the next character that counts, empty at the end; with the flag x blanks and comments do not."""
        if "x" in self._flags:
            self._skip_comments()
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        self._at += len(char)
        return char

    def _skip_comments(self) -> None:
        text = self._text
        while self._at < len(text):
            if text[self._at] in " \t\n\x0b\f\r":
                self._at += 1
            elif text[self._at] == "#":
                ends = "\n" if "d" in self._flags else "\n\r\x85\u2028\u2029"
                while self._at < len(text) and text[self._at] not in ends:
                    self._at += 1
            else:
                return

    def _literal(self, char: str) -> str:
        members = sets.single(char, self._flags)
        return sets.written(char) if members is None else f"[{members}]"

    def _dot(self) -> str:
        if "s" in self._flags:
            return sets.ALL
        return r"[^\n]" if "d" in self._flags else r"[^\n\r\x85\u2028\u2029]"

    def _line_start(self) -> str:
        if "m" not in self._flags:
            return r"(?:\A)"
        after = r"(?<=\n)" if "d" in self._flags else rf"(?<={_LINE_END})(?<!\r(?=\n))"
        return rf"(?:(?:\A|{after})(?!\Z))"

    def _line_end(self) -> str:
        if "m" not in self._flags:
            return r"(?:(?=\n\Z)|\Z)" if "d" in self._flags else _END
        return r"(?:(?=\n)|\Z)" if "d" in self._flags else r"(?:(?=[\r\x85\u2028\u2029])|(?<!\r)(?=\n)|\Z)"

    def _escape(self) -> str:
        """Translate what follows a backslash outside a class."""
        char = self._text[self._at : self._at + 1]
        if char and char in "123456789":
            return self._back_reference()
        if char in ("p", "P") or sets.is_shorthand(char):
            return self._set_escape()
        self._at += 1
        match char:
            case "A":
                return r"(?:\A)"
            case "z":
                return r"(?:\Z)"
            case "Z":
                return r"(?:(?=\n\Z)|\Z)" if "d" in self._flags else _END
            case "G":
                return r"(?:\G)"
            case "R":
                return _BREAK
            case "X":
                return r"(?:\X)"
            case "b" if self._text.startswith("{g}", self._at):
                self._at += 3
                return r"(?:\A|(?<=\X))"
            case "b" | "B":
                return self._word_boundary(char)
            case "k":
                return self._named_reference()
        self._at -= 1
        return self._literal(self._character())

    def _word_boundary(self, char: str) -> str:
        # A mark belongs to the letter that it stands on. Without (?U) that is a letter or digit of any script all the
        # same: Java 19 is the first to ask for ASCII here.
        word = sets.WORD if "U" in self._flags else r"[\p{L}\p{Nd}_]"
        left = rf"(?<={word}|[\p{{L}}\p{{Nd}}]\p{{Mn}}+)"
        right = rf"(?:(?={word})|(?<=[\p{{L}}\p{{Nd}}]\p{{Mn}}*)(?=\p{{Mn}}))"
        not_left, not_right = left.replace("(?<=", "(?<!", 1), f"(?!{right})"
        if char == "b":
            return f"(?:{left}{not_right}|{not_left}{right})"
        return f"(?:{left}{right}|{not_left}{not_right})"

    def _back_reference(self) -> str:
        number = int(self._text[self._at])
        self._at += 1
        # Further digits belong to the number as long as there are so many groups before it.
        while (digit := self._text[self._at : self._at + 1]) and digit in "0123456789":
            if number * 10 + int(digit) > self._groups:
                break
            number = number * 10 + int(digit)
            self._at += 1
        return self._reference(number, str(number))

    def _named_reference(self) -> str:
        if not self._text.startswith("<", self._at):
            raise self._error("\\k is not followed by '<' for named capturing group")
        self._at += 1
        name = self._name()
        if name not in self._names:
            raise self._error(f"named capturing group <{name}> does not exist")
        return self._reference(None, name)

    def _reference(self, number: int | None, group: str) -> str:
        if number is not None and number not in self._closed:
            return _NEVER  # to a group that is not there, or not yet matched: Java takes it, and it never matches
        return f"(?i-f:\\g<{group}>)" if "i" in self._flags else f"\\g<{group}>"

    def _character(self) -> str:
        """Take one escaped character; `_at` is after the backslash."""
        text = self._text
        char = text[self._at : self._at + 1]
        self._at += 1
        if not char:
            raise self._error("Unexpected internal error: a backslash at the end of the pattern")
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char == "0":
            octal = _OCTAL.match(text, self._at)
            if octal is None:
                raise self._error("Illegal octal escape sequence")
            self._at = octal.end()
            return chr(int(octal[0], 8))
        if char == "c":
            self._at += 1
            if self._at > len(text):
                raise self._error("Illegal control escape sequence")
            return chr(ord(text[self._at - 1]) ^ 64)
        if char == "x" and text.startswith("{", self._at):
            return self._long_hex()
        if char in _HEX:
            return self._short_hex(char)
        if char == "N":
            return self._named_character()
        if char.isascii() and char.isalnum():
            raise self._error("Illegal/unsupported escape sequence")
        return char

    def _long_hex(self) -> str:
        end = self._text.find("}", self._at)
        try:
            if end < 0:
                raise self._error("Unclosed hexadecimal escape sequence")
            digits, self._at = self._text[self._at + 1 : end], end + 1
            if not re.fullmatch("[0-9a-fA-F]{1,8}", digits):
                raise self._error("Illegal hexadecimal escape sequence")
            return chr(int(digits, 16))
        except (ValueError, OverflowError):
            raise self._error("Illegal hexadecimal escape sequence") from None

    def _short_hex(self, kind: str) -> str:
        match = _HEX[kind].match(self._text, self._at)
        if match is None:
            raise self._error(f"Illegal {'hexadecimal' if kind == 'x' else 'Unicode'} escape sequence")
        self._at = match.end()
        code = int(match[0], 16)
        low = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})").match(self._text, self._at)
        if kind == "u" and 0xD800 <= code < 0xDC00 and low is not None:  # two halves of one character
            self._at = low.end()
            return chr(0x10000 + ((code - 0xD800) << 10) + int(low[1], 16) - 0xDC00)
        return chr(code)

    def _named_character(self) -> str:
        end = self._text.find("}", self._at)
        if not self._text.startswith("{", self._at) or end < 0:
            raise self._error("Illegal character name escape sequence")
        name, self._at = self._text[self._at + 1 : end], end + 1
        try:
            return unicodedata.lookup(name)
        except KeyError:
            raise self._error(f"Unknown character name [{name}]") from None

    # -- classes ---------------------------------------------------------------------------------------------------

    def _set_escape(self) -> str:
        """Take `\\d`, `\\p{…}` and their kin, as a set in brackets; `_at` is after the backslash."""
        char = self._text[self._at]
        self._at += 1
        if char not in "pP":
            return sets.shorthand(char, self._flags)
        name = self._text[self._at : self._at + 1] or " "
        self._at += 1
        if name == "{":
            end = self._text.find("}", self._at)
            if end < 0:
                raise self._error("Unclosed character family")
            name, self._at = self._text[self._at : end], end + 1
            if not name:
                raise self._error("Empty character family")
        try:
            members = sets.of_property(name, self._flags)
        except ValueError as error:
            raise self._error(str(error)) from None
        return sets.negated(members) if char == "P" else members

    def _class(self, *, inner: bool = False) -> str:
        """Translate a class to a set in brackets; `inner` is one side of `&&`, which its bracket does not close."""
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise ValueError(f"Invalid regex: more than {DEPTH_MAX} groups or classes inside each other")
        is_negated = not inner and self._peek() == "^"
        if is_negated:
            self._next()
        found: list[str] = []  # sets whose union this is, up to here
        while True:
            char = self._peek()
            if not char:
                raise self._error("Unclosed character class")
            if char == "]" and found:
                break
            if char == "[":
                self._next()
                found.append(self._class())
            elif char == "&" and self._after() == "&":
                self._next()
                self._next()
                found = [self._intersection(found)]
            else:
                found.append(self._range())
        if not inner:
            self._next()
        self._depth -= 1
        union = found[0] if len(found) == 1 else f"[{''.join(found)}]"
        return sets.negated(union) if is_negated else union

    def _after(self) -> str:
        """Return the character after the next."""
        saved = self._at
        self._next()
        char = self._peek()
        self._at = saved
        return char

    def _intersection(self, left: list[str]) -> str:
        """Translate what follows `&&`, up to the next `&` or the bracket, and return its intersection with `left`."""
        right: list[str] = []
        while (char := self._peek()) not in ("]", "&"):
            if not char:
                raise self._error("Unclosed character class")
            if char == "[":
                self._next()
                right.append(self._class())
            else:
                right.append(self._class(inner=True))
        if not left and not right:
            raise self._error("Bad class syntax")
        sides = [f"[{''.join(side)}]" for side in (left, right) if side]
        return sides[0] if len(sides) == 1 else f"[{sides[0]}&&{sides[1]}]"

    def _range(self) -> str:
        """Translate one member of a class: a character, a range, or what stands for a set."""
        if self._peek() == "\\":
            self._at += 1
            char = self._text[self._at : self._at + 1]
            if char in ("p", "P") or sets.is_shorthand(char):
                return self._set_escape()
            low = self._character()
        else:
            low = self._next()
        high = low
        if self._peek() == "-" and (end := self._after()) not in ("[", "]"):
            self._next()
            if end == "\\":
                self._peek()
                self._at += 1
                char = self._text[self._at : self._at + 1]
                if char in ("p", "P") or sets.is_shorthand(char):
                    raise self._error("Illegal character range")
                high = self._character()
            else:
                high = self._next()
                if not high:
                    raise self._error("Unclosed character class")
            if high < low:
                raise self._error("Illegal character range")
        return f"[{sets.between(low, high, self._flags)}]"

    def _error(self, what: str) -> ValueError:
        return ValueError(f"Invalid regex: {what} near index {min(self._at, len(self._text))}")

    def _too_large(self, elements: int) -> ValueError:
        return ValueError(
            f"Invalid regex: it amounts to {elements} elements and more when its repeated parts are written out; "
            f"at most {ELEMENTS_MAX} are taken"
        )


def _repetitions(digits: str) -> int:
    """Return how often, or more than ever where there are more digits than Python reads as a number."""
    counted = digits.lstrip("0")
    return int(counted or "0") if len(counted) <= 10 else _REPETITIONS_MAX + 1
