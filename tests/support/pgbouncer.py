"""PgBouncer for the tests that go through a pooler: the system's own, or Debian's package."""

from __future__ import annotations

from functools import cache

from tests.support.debian import Program, find_program


@cache
def find_pgbouncer() -> Program | str:
    """Return the program; or why there is none, which does not change while the tests run."""
    return find_program("pgbouncer", ["pgbouncer"], r"libevent-\S+|libc-?ares\S*")
