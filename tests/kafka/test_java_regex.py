"""Patterns mean what java.util.regex says, over handwritten and random patterns, texts and replacements."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from connect.api import DataError
from connect.api.patterns import SlowPatternError, compile_pattern
from connect_transforms.java.replacement import expand
from tests.support.jdk import RegexAnswer, ask_regex
from tests.support.lengths import length

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

PATTERNS = length("CONNECT_PATTERNS")

#: Letters of several scripts and cases, digits, marks, blanks, line ends, symbols: what classes and flags tell apart.
#: All of them were in Unicode 13, which JDK 17 knows.
ALPHABET = (
    "aAbBcCzZ019_-. \t\n\r\x85\u2028\xa0\u3000\x1c$^]&|#"
    "éÉßσςΣαкКªⅷǅ٣\u0301\u200d\u4e2d€²\u2167ſ\u212aıİ+\x00\x7f\u180e😀𝒜"
)

PROPERTIES = [
    "Lu", "Ll", "Lt", "L", "M", "Mn", "N", "Nd", "Nl", "No", "P", "Pc", "S", "Sc", "Sm", "Z", "Zs", "C", "Cc", "Cf",
    "LC", "LD", "L1", "all", "ASCII", "Alnum", "Alpha", "Blank", "Cntrl", "Digit", "Graph", "Lower", "Print", "Punct",
    "Space", "Upper", "XDigit", "javaLowerCase", "javaUpperCase", "javaAlphabetic", "javaIdeographic",
    "javaTitleCase", "javaDigit", "javaDefined", "javaLetter", "javaLetterOrDigit", "javaJavaIdentifierStart",
    "javaMirrored", "javaJavaIdentifierPart", "javaUnicodeIdentifierStart", "javaUnicodeIdentifierPart",
    "javaIdentifierIgnorable", "javaSpaceChar", "javaWhitespace", "javaISOControl", "IsAlphabetic", "IsLatin",
    "IsGreek", "IsGrek", "IsHan", "IsUppercase", "IsLowercase", "IsTitlecase", "IsLetter", "IsDigit", "IsPunctuation",
    "IsWhite_Space", "IsControl", "IsHex_Digit", "IsJoin_Control", "IsIdeographic", "IsAssigned",
    "IsNoncharacter_Code_Point", "IsWord", "IsAlpha", "InGreek", "InGREEK", "InBasicLatin", "InBASIC_LATIN",
    "InLatin-1Supplement", "InCyrillic", "IsLu", "script=Latin", "sc=Greek", "blk=Basic Latin", "block=Cyrillic",
    "gc=Lu", "general_category=Nd", "IsNope", "InNope", "Nope", "alpha", "Latin", "sc=Nope", "gc=Nope", "nope=Lu", "",
    "IsEmoji", "^L", "javaNope",
]  # fmt: skip

WRITTEN = [
    r"\Qa.b\E+", r"\Qa", r"\Qa\Q\E", r"(a)\1\Q0\E", r"[\Q^]\E]+", r"\E", "(?<y>a)\\k<y>", r"\k<y>(?<y>a)", "(?<1>a)",
    "(?<a>b)(?<a>c)", "(?P<a>b)", "(a)(b)?c|d", r"\1(a)", r"(a\1)", r"(a)\11", r"(a)\2", "a++a", "(?>a+)a", "a{2}{3}",
    "{1}a", "a{", "a{x}", "a{1,2}+", "a**", "a++++", "*", "a|*", "(*)", "a{2,1}", "a{,3}", "x{3000000000}", "a{1",
    "}", "]", ")", "(", "(?:", "[", "[a", "[]", "[]a]+", "[^]a]", "[a-]+", "[-a]+", "[a-[b]]+", "[a-c-e]+",
    r"[\d-z]+", "[b-a]", r"[a-\d]", "[a&&]", "[&&a]", "[a&&&&b]", "[a&b]+", "[a&&&b]", "[a-z&&[^b]]+",
    "[^a-z&&[ab]]+", "[a&&b&&a]", "[a[b[c]]]+", "[^a[b]]+", "[^[a]b]+", "[a-z&&[abc]&&[^b]z]+", "[ab&&bc]+",
    "[a--b]+", "[a||b]+", "[a~~b]", r"[\b]", r"[\R]", r"[\-\]\^]+", "[a^]+", "[.$]+", r"[\t\n]+", r"[\x41-\x{5a}]+",
    r"[\0101-\0103]+", "(?x)a b # c\nc", "(?x)[a b]+", r"(?x)a\ b", "(?x)a {2}", "(?i)aB", "(?iu)É+", "(?i)É",
    "(?iu)ß", "(?iu)[à-é]+", "(?iu)K", "(?i)[^a]", "(?iu)σ+", r"(?i)\p{Lower}+", r"(?iU)\p{Lower}+", r"(?i)(a)\1",
    "(?s).+", "(?d).+", "(?d)a$", "(?m)^a$", "(?md)^.$", "a$", r"a\Z", r"a\z", r"\Aa", r"\Ga", r"\R+", r"\R{2}",
    r"\X+", r"\b{g}a", r"\ba\b", r"\Ba", r"(?U)\ba", r"\h+\v*\H", r"\V+", r"\N", r"\N{LATIN SMALL LETTER A}",
    r"\N{NOPE}", r"\cA", r"\c", r"\e\a\f", r"\0", r"\08", r"\x4", r"\x{110000}", r"\u004", r"\ud83d\ude00", r"\y",
    "a\\", "(?i-:A)", "(?i--i)a", "(?a)b", "(?)a", "(?-)a", "(?i)*a", "(?=a)*a", "^*a", r"\b*a", "(?<=a)b", "(?<!a)b",
    "(?<=a{1,3})b", "(?=a)a", "(?!a).", "(a|ab)(c|bcd)", "(a?)*", "(a?)+b", "(a|b)*?c", "((a)|b)+", "a|", "|a",
    "(|a)+", "(?i:a)b", "(?i)a(?-i)b", "((?i)a)b", "a(?i)b|c", r"\p", r"\pL+", r"\PL+", r"\p{L", r"[\p{Lu}a]+",
    r"[^\p{L}]+", r"[\P{L}&&[^0-9]]+", r"[\w&&[^\d]]+", r"[^\W_]+", r"(?U)\w+", r"(?U)\d+", r"(?U)\s+", r"(?U)[\W]+",
]  # fmt: skip


def ours(pattern: str, text: str, replacement: str) -> RegexAnswer:
    try:
        compiled = compile_pattern(pattern)
    except ValueError as error:
        return RegexAnswer(error=str(error))
    found = compiled.search(text)
    replaced: str | None = text
    if found is not None:
        try:
            replaced = text[: found.start()] + expand(found, replacement) + text[found.end() :]
        except DataError:
            replaced = None
    groups = None if found is None else (found[0], *found.groups())
    return RegexAnswer(None, compiled.fullmatch(text) is not None, groups, replaced)


def same(one: RegexAnswer, other: RegexAnswer, *, groups: bool) -> bool:
    if one.error is not None or other.error is not None:
        return (one.error is None) == (other.error is None)
    if not groups:
        return one.matches == other.matches and one.replaced == other.replaced
    return one == other


def check(cases: list[tuple[str, str, str]], *, groups: bool = True) -> None:
    """Compare, and show some of the patterns that differ."""
    differing: dict[str, str] = {}
    for case, java in zip(cases, ask_regex(cases), strict=True):
        try:
            answer = ours(*case)
        except SlowPatternError as error:
            answer = RegexAnswer(error=str(error))
        if not same(java, answer, groups=groups):
            differing.setdefault(case[0], f"{case!r}\n   java {java}\n   ours {answer}")
    assert not differing, f"{len(differing)} patterns differ:\n" + "\n".join([*differing.values()][:20])


def seeded() -> random.Random:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    return random.Random(seed)


def texts(dice: random.Random, count: int = 6) -> list[str]:
    # Without characters of two halves: Java finds a boundary of a word between these.
    return ["".join(dice.choice(ALPHABET[:-2]) for _ in range(dice.randrange(6))) for _ in range(count)]


@pytest.mark.slow
def test_written_patterns(jdk: None) -> None:
    dice = seeded()
    plain = [
        "a", "b", "ab", "abc", "aab", "aa1", "aaaa", "A", "É", "\r\n", "a\n", "\na", "a\r\n", "a b", "", "]",
        "a-b.^]",
    ]  # fmt: skip
    replacements = ["<$0>", "$1", "${y}", r"\$\\", "$", "$9", "$11", "x"]
    check([(pattern, text, dice.choice(replacements)) for pattern in WRITTEN for text in [*plain, *texts(dice, 4)]])


@pytest.mark.slow
@pytest.mark.parametrize("flags", ["", "(?i)", "(?iu)", "(?U)", "(?iU)"])
def test_each_property_holds_the_same_characters(flags: str, jdk: None) -> None:
    forms: list[Callable[[str], str]] = [
        lambda name: rf"{flags}\p{{{name}}}",
        lambda name: rf"{flags}\P{{{name}}}",
        lambda name: rf"{flags}[^\p{{{name}}}b]",
    ]
    shorthands = [rf"{flags}\{char}" for char in "dDwWsShHvVRX"] + [f"{flags}[{char}]" for char in "akKsSßéΣ"]
    patterns = [form(name) for name in PROPERTIES for form in forms] + shorthands
    check([(pattern, char, "") for pattern in patterns for char in ALPHABET])


@pytest.mark.slow
def test_random_patterns(jdk: None) -> None:
    # What a group holds that took part in a way that was given up again, engines tell differently.
    dice = seeded()
    patterns = [_pattern(dice) for _ in range(PATTERNS)]
    check([(pattern, text, "<$0>") for pattern in patterns for text in texts(dice)], groups=False)


def test_random_classes(jdk: None) -> None:
    dice = seeded()
    flags = ["", "", "(?i)", "(?iu)", "(?U)", "(?x)"]
    patterns = [dice.choice(flags) + _class(dice, 3) + dice.choice(["", "+", "*?"]) for _ in range(PATTERNS)]
    check([(pattern, text, "") for pattern in patterns for text in texts(dice, 4)])


def test_random_rubbish_is_taken_or_refused_alike(jdk: None) -> None:
    dice = seeded()
    characters = r"ab01\\\[]()*+?{},.^$|-&<>=!:iQEpPLudxk#"
    patterns = ["".join(dice.choice(characters) for _ in range(dice.randrange(1, 9))) for _ in range(2 * PATTERNS)]
    check([(pattern, text, "") for pattern in patterns for text in ("a", "ab01", "")], groups=False)


# -- drawing patterns ----------------------------------------------------------------------------------------------


def _pattern(dice: random.Random) -> str:
    flags = dice.choice(["", "", "", "(?i)", "(?iu)", "(?s)", "(?m)", "(?d)", "(?md)", "(?U)", "(?x)"])
    return flags + _alternatives(dice, 3)


def _alternatives(dice: random.Random, depth: int) -> str:
    return "|".join(_sequence(dice, depth) for _ in range(dice.choice([1, 1, 1, 2, 3])))


def _sequence(dice: random.Random, depth: int) -> str:
    return "".join(_repeated(dice, depth) for _ in range(dice.randrange(1, 4)))


def _repeated(dice: random.Random, depth: int) -> str:
    atom, quantifier = _atom(dice, depth), _quantifier(dice)
    if quantifier not in ("", "?", "??") and atom.startswith("("):
        # A loop whose body may match nothing, Java leaves after the first such turn.
        atom = f"(?:{dice.choice(['a', '[^b]', '.'])}{atom})"
    return atom + quantifier


def _quantifier(dice: random.Random) -> str:
    return dice.choice(
        ["", "", "", "", "*", "+", "?", "*?", "+?", "??", "*+", "++", "?+", "{2}", "{1,2}", "{0,}", "{1,2}?"]
    )


def _atom(dice: random.Random, depth: int) -> str:
    kind = dice.randrange(12 if depth else 8)
    if kind < 3:
        char = dice.choice(ALPHABET)
        return "\\" + char if char in r"$^]&|#.+-[" else char
    if kind == 3:
        return dice.choice([".", "^", "$", r"\b", r"\B", r"\A", r"\z", r"\Z", r"\G", r"\R"])
    if kind < 6:
        return dice.choice(
            [r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\h", r"\v", r"\V", r"\p{L}", r"\P{Lu}", r"\x41", r"\t"]
        )
    if kind < 8:
        return _class(dice, min(depth, 2))
    opening = dice.choice(["(", "(", "(?:", "(?>", "(?=", "(?!", "(?i:", "(?-i:"])
    return opening + _alternatives(dice, depth - 1) + ")"


def _class(dice: random.Random, depth: int) -> str:
    parts: list[str] = []
    for _ in range(dice.randrange(1, 4)):
        kind = dice.randrange(9)
        if kind < 3:
            char = dice.choice(ALPHABET)
            parts.append("\\" + char if char in r"$^]&|#.+-[" else char)
        elif kind < 5:
            low, high = sorted([dice.choice("aAbBcCzZ019éÉßσΣкК"), dice.choice("aAbBcCzZ019éÉßσΣкК")])
            parts.append(f"{low}-{high}")
        elif kind < 7:
            parts.append(dice.choice([r"\d", r"\W", r"\s", r"\p{L}", r"\P{Ll}", r"\h", r"\x41", r"\p{Punct}"]))
        elif depth:
            parts.append(_class(dice, depth - 1) if kind == 7 else f"&&{_class(dice, depth - 1)}")
    return f"[{dice.choice(['', '', '^'])}{''.join(parts) or 'a'}]"
