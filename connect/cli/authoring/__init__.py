"""What `connect plugin` has for authors: a new distribution, checks of one, its tests, and its reference page.

    names      which names a plugin may have
    templates  the files of a new distribution, as text
    project    writes them, whole or not at all
    checks     what `connect plugin check` looks at
    testing    what `connect plugin test` runs
    pages      the reference page of a plugin's classes

Elsewhere: the commands themselves (`connect.cli.plugins`), and what tests of a plugin import (`connect.testing`).
"""

from typing import Final

KINDS: Final = ("source", "sink", "transform", "converter")
#: Their texts are in the folder `licences`; none has none.
LICENCES: Final = ("Apache-2.0", "MIT", "BSD-3-Clause", "none")
