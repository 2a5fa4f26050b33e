from __future__ import annotations

import json

from connect.rest.answers import Answer, Fragments, encode


def test_half_a_surrogate_pair_is_written_out_wherever_it_stands() -> None:
    answer = Answer({"\udcff": [{"a": ("\udcff", 1, None, True, "ü")}]}, 201, {"Location": "x"})
    assert json.loads(answer.body) == {"\\udcff": [{"a": ["\\udcff", 1, None, True, "ü"]}]}
    assert (answer.status_code, answer.headers["location"]) == (201, "x")
    assert answer.headers["content-type"] == "application/json"


def test_a_part_is_rendered_once_for_as_long_as_what_it_tells_of_is_the_same() -> None:
    fragments, first, made = Fragments(), ["a"], list[object]()

    def render(told: list[str]) -> dict[str, str]:
        made.append(told)
        return {"name": told[0]}

    for _ in range(3):
        assert encode([fragments.of("x", first, render)]) == b'[{"name":"a"}]'
    assert encode(fragments.of("x", ["b"], render)) == b'{"name":"b"}'
    assert len(made) == 2


def test_a_part_with_half_a_surrogate_pair_is_written_out_too() -> None:
    part = Fragments().of("x", object(), lambda _: {"trace": "\ud800"})
    assert encode({"status": part}) == b'{"status":{"trace":"\\\\ud800"}}'


def test_parts_of_what_is_gone_are_forgotten_once_they_are_many() -> None:
    fragments, told, made = Fragments(), object(), list[str]()

    def render(_: object) -> str:
        made.append("x")
        return "x"

    for number in range(20):
        fragments.of(f"c{number}", told, render)
    fragments.keep(["c1"])
    fragments.of("c1", told, render)
    assert len(made) == 20
    fragments.of("c2", told, render)
    assert len(made) == 21
