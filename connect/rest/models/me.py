"""Who asks, and what they may do."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from connect.rest.models.base import example


@example({"user": "ann", "role": "write", "can_change": True, "open_to_others": False, "auth": "basic"})
class Me(TypedDict):
    """The user that a request is let through as. `auth`: `basic` where users are asked for, else `none`, and everyone
    who reaches the listener has the role write. `user`, `role`: null without a user. `can_change`: the role is write.
    `open_to_others`: other machines reach a listener, and nothing is asked of them."""

    user: str | None
    role: Literal["read", "write"] | None
    can_change: bool
    open_to_others: bool
    auth: Literal["none", "basic"]
