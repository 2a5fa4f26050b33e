"""What a status' trace says first: the cause, what to do, and where it happened. For all who show it to people.

A trace begins with the message, of one line or more, and its code in brackets; then a line 'hint: ...'; then Python's
traceback. Traces of a Kafka Connect cluster (Java's) are understood as well: their cause is what comes before the
frames.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_FRAMES: Final = re.compile(
    r"\s*([+|] )*(Traceback \(most recent call last\)|File \".*\", line \d+|Exception Group Traceback"
    r"|at [\w.$<>/]+\(|Caused by: )"
)
_FRAME: Final = re.compile(r"[\s|]*File \"(?P<file>.*)\", line (?P<line>\d+), in (?P<name>.*)")
_CODED: Final = re.compile(
    r"(?P<message>.*) \[(?P<code>[a-z][a-z0-9_]*(\.[a-z0-9_]+)+|internal|retriable|timeout|conflict|not_found)\]",
    re.DOTALL,
)
#: Codes of failures whose place in the code says more than their message.
_OF_CODE: Final = ("", "internal", "plugin.failed", "plugin.broken")


@dataclass(frozen=True, slots=True)
class Cause:
    """The useful part of a trace.

    Attributes:
        message: What happened, in one line or more, without the code.
        code: '' for what is no error of ours.
        place: File, line and function where it was raised; '' where the message says enough.
    """

    message: str
    code: str = ""
    hint: str = ""
    place: str = ""

    @property
    def line(self) -> str:
        """The code and the message in one line, the code first: what is cut at the end costs least."""
        message = " ".join(self.message.split())
        return f"{self.code}: {message}" if self.code else message


def cause_of(trace: str | None) -> Cause | None:
    """Return the useful part of a trace, None where there is none."""
    lines = (trace or "").strip().splitlines()
    if not lines:
        return None
    end = next((number for number, line in enumerate(lines) if number and _FRAMES.match(line)), len(lines))
    head, hint = lines[:end], ""
    if (at := next((number for number, line in enumerate(head) if line.startswith("hint: ")), 0)) > 0:
        hint = "\n".join(head[at:]).removeprefix("hint: ")
        head = head[:at]
    message = "\n".join(head)
    coded = _CODED.fullmatch(message)
    code = coded["code"] if coded else ""
    frames = [match for line in lines[end:] if (match := _FRAME.match(line))]
    place = ""
    if frames and code in _OF_CODE:
        place = f"{frames[-1]['file']}, line {frames[-1]['line']}, in {frames[-1]['name']}"
    return Cause(coded["message"] if coded else message, code, hint, place)
