"""The replacement texts of Java's Matcher.replaceFirst.

Source: java.util.regex.Matcher.appendReplacement.
"""

from __future__ import annotations

import re

from connect.api import DataError, Match, Pattern


def expand(match: Match, replacement: str) -> str:
    """Return a replacement with its groups filled in: $1, ${name}; a backslash takes the next character as it is.

    Raises:
        DataError: The replacement names a group that is not there.
    """
    out: list[str] = []
    index = 0
    while index < len(replacement):
        char = replacement[index]
        if char == "\\":
            if index + 1 == len(replacement):
                raise DataError("character to be escaped is missing in the replacement")
            out.append(replacement[index + 1])
            index += 2
        elif char == "$":
            text, index = _group(match, replacement, index + 1)
            out.append(text)
        else:
            out.append(char)
            index += 1
    return "".join(out)


def replaced_first(pattern: Pattern, replacement: str, text: str) -> str:
    """Return a text that matches as a whole with its first match replaced, any other as it is.

    Raises:
        DataError: The replacement names a group that is not there.
    """
    if pattern.fullmatch(text) is None:
        return text
    # The whole text matched; what is replaced is the first match, which for a lazy pattern may be shorter.
    first = pattern.search(text)
    assert first is not None, "what matches whole is found"
    return text[: first.start()] + expand(first, replacement) + text[first.end() :]


def _group(match: Match, replacement: str, index: int) -> tuple[str, int]:
    if replacement[index : index + 1] == "{":
        end = replacement.find("}", index)
        name = replacement[index + 1 : end]
        if end < 0 or name not in match.re.groupindex:
            raise DataError(f"No group with name {{{name}}}")
        return match[name] or "", end + 1
    digits = re.compile("[0-9]+").match(replacement, index)
    if digits is None:
        raise DataError("Illegal group reference in the replacement: a digit or {name} must follow $")
    # Further digits belong to the number as long as there is such a group.
    number, end = int(replacement[index]), index + 1
    while end < digits.end() and (longer := 10 * number + int(replacement[end])) <= match.re.groups:
        number, end = longer, end + 1
    if number > match.re.groups:
        raise DataError(f"No group {number}")
    return match[number] or "", end
