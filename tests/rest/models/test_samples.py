from __future__ import annotations

from connect.rest.models.samples import Samples
from connect.runtime.tasks.sampling import SampledWalk
from connect.runtime.tasks.walks import Walk
from tests.support.recorded import members


def test_a_walk_of_a_running_task_is_a_preview_with_its_task_and_time() -> None:
    assert members(SampledWalk) == [*members(Walk), "task", "at"]
    assert members(Samples)[:4] == ["sampling", "until", "stages", "walks"]
