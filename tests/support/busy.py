"""How busy the machine is, for tests of how long something may take at most."""

from __future__ import annotations

import os


def slowness(load: float | None = None, cores: int | None = None) -> float:
    """Return how many times longer a thing may take than on a quiet machine; 1 where this one has cores to spare.

    A promise of seconds is held to them where nothing else runs, and a machine that others use too fails no test. It is
    to be asked before the code under test runs: asked afterwards, a worker that spins would get more time by its own
    fault.

    Args:
        load: How many threads run or wait for a core; by default the average of the last minute.
        cores: How many run at once; by default this machine's.
    """
    load = os.getloadavg()[0] if load is None else load
    return max(1.0, load / (cores or os.cpu_count() or 1))
