"""The Java class library, asked line by line: see tests/kafka/java/JdkLab.java. Needs a JDK >= 17 and nothing else."""

from __future__ import annotations

import subprocess
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from tests.support.kafka import JVM_OPTIONS, TOOL_TIMEOUT_S, KafkaUnavailable, find_java, lab


@cache
def look_for_jdk() -> str:
    """Return the reason why there is no JDK here; empty where there is one."""
    try:
        find_java()
    except KafkaUnavailable as error:
        return str(error)
    return ""


def ask(lines: Sequence[str]) -> list[str]:
    """Run the lab; return an answer for each line."""
    ran = subprocess.run(
        [find_java(), *JVM_OPTIONS, *lab("JdkLab", classpath="")],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        encoding="utf-8",
        timeout=TOOL_TIMEOUT_S * 2,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    answers = ran.stdout.splitlines()
    assert len(answers) == len(lines), f"{len(lines)} questions, {len(answers)} answers"
    return answers


@dataclass(frozen=True, slots=True)
class RegexAnswer:
    """What java.util.regex says: an error, or whether it matches whole, its first find's groups, its replacement."""

    error: str | None = None
    matches: bool = False
    groups: tuple[str | None, ...] | None = None
    replaced: str | None = None


def ask_regex(cases: Sequence[tuple[str, str, str]]) -> list[RegexAnswer]:
    """Ask about patterns, texts and replacements."""
    lines = [" ".join(["regex", *(b64encode(part.encode()).decode() for part in case)]) for case in cases]
    return [_answer(line) for line in ask(lines)]


def _answer(line: str) -> RegexAnswer:
    word, *rest = line.split(" ")
    if word == "error":
        return RegexAnswer(error=line.removeprefix("error "))
    found, *rest = rest
    replaced = None if rest[-1] == "refused" else _decoded(rest[-1])
    groups = tuple(None if group == "null" else _decoded(group) for group in rest[:-1]) if found == "true" else None
    return RegexAnswer(None, word == "true", groups, replaced)


def _decoded(text: str) -> str:
    return b64decode(text[1:]).decode()
