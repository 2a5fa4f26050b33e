"""How busy the machine is, for tests of how long something may take at most."""

from __future__ import annotations

import os


def slowness() -> float:
    """Return how many times longer a thing may take than on a quiet machine; 1 where this one has cores to spare.

    A promise of seconds is held to them where nothing else runs, and a machine that others use too fails no test.
    """
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
