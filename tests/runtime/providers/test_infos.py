"""Validation's answer about values, told in references."""

from __future__ import annotations

from connect.api import Problem
from connect.runtime.model import ConfigInfo, ConfigInfos, ConfigValueInfo
from connect.runtime.providers.config_providers import Look
from connect.runtime.providers.infos import written_infos
from connect.runtime.providers.resolved import resolved_of


def answer(*values: ConfigValueInfo) -> ConfigInfos:
    return ConfigInfos("C", (), tuple(ConfigInfo(None, value) for value in values))


def test_a_value_is_shown_as_it_was_written_and_its_errors_do_not_quote_it() -> None:
    resolved = resolved_of({"k": "${v:x}", "o": "own"}, {"${v:x}": "hunter2-secret"})
    infos = answer(
        ConfigValueInfo("k", "hunter2-secret", ("one", "two"), ("no hunter2-secret here",)),
        ConfigValueInfo("o", "own", (), ("own is not hunter2-secret",)),
    )
    k, o = (info.value for info in written_infos(infos, Look(resolved, (), ())).configs)
    assert (k.value, k.recommended_values, k.errors) == ("${v:x}", ("one", "two"), ("no [hidden] here",))
    assert (o.value, o.errors) == ("own", ("own is not [hidden]",))


def test_of_a_reference_without_a_value_it_is_only_said_why_there_is_none() -> None:
    resolved = resolved_of({"k": "${v:x}"}, {})
    infos = answer(ConfigValueInfo("k", None, (), ("Not a number of type INT",)))
    look = Look(resolved, (Problem("k", "there is no x"), Problem("other", "nor this")), ())
    k, other = (info.value for info in written_infos(infos, look).configs)
    assert (k.value, k.errors) == ("${v:x}", ("there is no x",))
    assert (other.name, other.errors) == ("other", ("nor this",))


def test_an_answer_without_references_is_the_same_one() -> None:
    infos = answer(ConfigValueInfo("k", "v"))
    assert written_infos(infos, Look(resolved_of({"k": "v"}, {}), (), ())) is infos
