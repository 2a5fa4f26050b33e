from __future__ import annotations

from connect.runtime.ownership import KEY, OwnershipConfig
from connect.runtime.rates import is_live_change


def test_a_connector_may_say_which_set_it_is_of_and_no_restart_follows() -> None:
    assert OwnershipConfig.parse({KEY: "shop"}).apply_set == "shop"
    assert OwnershipConfig.parse({}).apply_set == ""
    assert is_live_change({"a": "1"}, {"a": "1", KEY: "shop"})
    assert not is_live_change({"a": "1"}, {"a": "2", KEY: "shop"})
