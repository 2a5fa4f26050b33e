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


#: A line of Python's traceback that names an exception, and not where it was raised.
_RAISED: Final = re.compile(r"(?P<name>[A-Za-z_][\w.]*(?:Error|Exception|Fault|Interrupt|Exit|Group|Warning)?)(?:: |$)")
_FOLLOWS: Final = ("The above exception was the direct cause", "During handling of the above exception")
_JAVA: Final = re.compile(r"(?m)^\s*(at [\w.$<>/]+\(|Caused by: )")


def frames_of(trace: str | None) -> str:
    """Return Python's part of a trace: from its first frame on; empty where it has none."""
    text = (trace or "").strip()
    at = re.search(r"(?m)^\s*([+|] )*(Traceback \(most recent call last\)|Exception Group Traceback)", text)
    return text[at.start() :] if at else ""


def java_text(trace: str | None) -> str:
    """Return a trace as Java writes one: the effect first, and below it what it was caused by, without Python's frames.

    A trace of Java's own is returned as it is, as far as it goes.
    """
    text = (trace or "").strip()
    if _JAVA.search(text):
        return text[: len(text) - len(frames_of(text))].rstrip()
    raised: list[str] = []
    for part in re.split("|".join(re.escape(line) + ".*" for line in _FOLLOWS), frames_of(text)):
        lines = part.strip().splitlines()
        # What was raised stands behind the last frame, which is indented.
        last = max((number for number, line in enumerate(lines) if line.startswith((" ", "\t"))), default=-1)
        told = "\n".join(line for line in lines[last + 1 :] if line.strip())
        if told and _RAISED.match(told):
            raised.append(told)
    if not raised:
        cause = cause_of(text)
        return "" if cause is None else cause.message
    return "\nCaused by: ".join(reversed(raised))
