"""The how-to's commands run as they stand, and do what the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.docs.test_first_run import free_port
from tests.support.plain import NO_TLS

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "mend-dead-letters.md"


def blocks() -> list[str]:
    """The commands of each block, as a shell takes them."""
    found = re.findall(r"```console\n(.*?)```", HOWTO.read_text(), re.DOTALL)
    return [re.sub(r"^\$ ", "", block, flags=re.MULTILINE) for block in found]


def found_letter(url: str) -> bool:
    try:
        return any(queue["size"] for queue in httpx.get(url, timeout=10, verify=NO_TLS).json()["queues"])
    except httpx.HTTPError:  # the worker is on its way up
        return False


@pytest.mark.slow
def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    prepare, work, transforms, discard = blocks()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    port = free_port()
    environment = {
        **os.environ,
        "PATH": path,
        "CONNECT_LISTENERS": f"http://127.0.0.1:{port}",
        "CONNECT_OFFSET_FLUSH_INTERVAL_MS": "50",
        "CONNECT_CONTEXTS_FILE": str(tmp_path / "contexts"),
    }
    folder = tmp_path / "mend"

    def shell(commands: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-ec", commands], cwd=folder, env=environment, capture_output=True, text=True, check=False,
            timeout=60,
        )  # fmt: skip

    assert prepare.splitlines()[-1] == "connect worker sink.json"
    command = "\n".join([*prepare.splitlines()[:-1], "exec connect worker sink.json"])
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(["/bin/sh", "-ec", command], cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not found_letter(f"http://127.0.0.1:{port}/v1/dlq"):
            assert time.monotonic() < deadline, (tmp_path / "worker.log").read_text()
            time.sleep(0.1)
        done = shell(work)
        assert done.returncode == 0, done
        assert "orders-dead: 1 open, 0 replayed" in done.stdout
        assert "1 would be replayed" in done.stdout
        assert "orders-dead: 0 open, 1 replayed" in done.stdout
        out = folder / "out.txt"
        while len(out.read_text().splitlines()) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert sorted(json.loads(line)["id"] for line in out.read_text().splitlines()) == [1, 2, 3]
        for commands in (transforms, discard):
            found = shell(commands)
            assert (found.returncode, "of 0 letters 0" in found.stdout) == (0, True), found
    finally:
        worker.terminate()
        worker.wait(30)
