"""Short forms: a source, a sink or a transform as one function, with its config as annotated parameters.

    @source
    def ticks(topic: str, count: int = 10):
        \"\"\"Count up.\"\"\"
        for n in range(resume(0), count):
            yield f"tick {n}", n + 1

    function ── Parameters ── Config class          (parameters.py)
        │
        ├─ source: called, or gone through by a flow ── batches     (sources.py, flows.py)
        ├─ sink: called, or sent to                                 (sinks.py)
        └─ transform: called                                        (transforms.py)

What a decorator returns is a class as the long form has it, so everything that takes a plugin class takes this one; the
function itself is its attribute `function`. A module's short forms need no hook: the host finds them.

Elsewhere: the classes, for what a function cannot say (`connector.py`, `transforms.py`).
"""

from connect.api.functions.sinks import sink
from connect.api.functions.source_tasks import resume
from connect.api.functions.sources import source
from connect.api.functions.transforms import transform

__all__ = ["resume", "sink", "source", "transform"]
