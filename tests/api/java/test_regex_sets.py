from __future__ import annotations

import string

import pytest
import regex

from connect.api.java import regex_sets as sets

PLAIN: frozenset[str] = frozenset()


def members_of(written: str) -> set[str]:
    """Return which of the first characters a set has."""
    inside = written if written.startswith("[") else f"[{written}]"
    pattern = regex.compile(inside, regex.V1)
    return {char for char in map(chr, range(0x250)) if pattern.fullmatch(char)}


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("Lower", "az", "Aé1"),
        ("javaLowerCase", "aé", "A1"),
        ("IsAlphabetic", "aÉ", "1-"),
        ("L", "aÉ", "1-"),
        ("Punct", "-!", "a1"),
        ("IsLatin", "aé", "1α"),
        ("InGreek", "", "aé"),
        ("XDigit", "aF9", "gé"),
    ],
)
def test_a_property_has_the_members_that_java_gives_it(name: str, inside: str, outside: str) -> None:
    found = members_of(sets.of_property(name, PLAIN))
    assert set(inside) <= found
    assert not set(outside) & found


def test_a_property_that_java_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="Nothing"):
        sets.of_property("Nothing", PLAIN)


def test_a_shorthand_is_of_ascii_unless_the_flag_for_unicode_is_set() -> None:
    assert members_of(sets.shorthand("d", PLAIN)) == set("0123456789")
    assert "é" not in members_of(sets.shorthand("w", PLAIN))
    assert "é" in members_of(sets.shorthand("w", frozenset("U")))
    assert members_of(sets.shorthand("D", PLAIN)) == set(map(chr, range(0x250))) - set("0123456789")
    assert sets.is_shorthand("d")
    assert not sets.is_shorthand("q")


def test_a_set_and_its_negation_have_every_character_between_them() -> None:
    letters = sets.between("a", "z", PLAIN)
    assert members_of(letters) == set("abcdefghijklmnopqrstuvwxyz")
    assert members_of(sets.negated(f"[{letters}]")) == set(map(chr, range(0x250))) - members_of(letters)


def test_a_range_has_both_cases_where_case_does_not_count() -> None:
    assert {"a", "A", "c", "C"} <= members_of(sets.between("a", "c", frozenset("i")))


@pytest.mark.parametrize("char", list("]^-[&\\~|.a "))
def test_a_written_character_stands_for_itself(char: str) -> None:
    assert members_of(sets.written(char)) == {char}


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("Alnum", string.ascii_letters + string.digits),
        ("Alpha", string.ascii_letters),
        ("ASCII", "".join(map(chr, range(128)))),
        ("Blank", " \t"),
        ("Cntrl", "".join(map(chr, range(32))) + "\x7f"),
        ("Digit", string.digits),
        ("Graph", string.ascii_letters + string.digits + string.punctuation),
        ("Lower", string.ascii_lowercase),
        ("Print", string.ascii_letters + string.digits + string.punctuation + " "),
        ("Punct", string.punctuation),
        ("Space", string.whitespace),
        ("Upper", string.ascii_uppercase),
        ("XDigit", string.hexdigits),
    ],
)
def test_a_class_of_posix_has_its_members_of_ascii_and_no_others(name: str, members: str) -> None:
    assert members_of(sets.of_property(name, PLAIN)) == set(members)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("Alpha", "aéα", "1_"),
        ("Alnum", "aé1٣", "_-"),
        ("Digit", "1٣", "a"),
        ("Lower", "aé", "AÉ1"),
        ("Upper", "AÉ", "aé1"),
        ("Punct", "-_!", "a1$+"),
        ("Space", " \xa0\u2003\n", "a"),
        ("Blank", " \t\xa0", "\na"),
        ("Cntrl", "\x00\x85", "a "),
        ("Graph", "aé1-", " \x00\xa0"),
        ("Print", "aé1- \xa0", "\x00\n"),
        ("XDigit", "aF9٣", "gé"),
    ],
)
def test_with_the_flag_for_unicode_a_class_of_posix_has_characters_of_all_scripts(
    name: str, inside: str, outside: str
) -> None:
    pattern = regex.compile(f"[{sets.of_property(name, frozenset('U'))}]", regex.V1)
    assert [char for char in inside if not pattern.fullmatch(char)] == []
    assert [char for char in outside if pattern.fullmatch(char)] == []


def test_a_name_of_a_script_is_letters_and_digits_with_blanks_dashes_and_low_lines() -> None:
    assert "é" in members_of(sets.of_property("IsLatin", PLAIN))
    for name in ("IsLa]tin", "Is", "IsLat|in"):
        with pytest.raises(ValueError, match="Is"):
            sets.of_property(name, PLAIN)
