"""The how-to's commands run as they stand, and touch nothing but their folder."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOWTO = ROOT / "docs" / "howto" / "first-run.md"


def commands() -> list[list[str]]:
    blocks = re.findall(r"```console\n(.*?)```", HOWTO.read_text(), re.DOTALL)
    return [re.findall(r"^\$ (.*)$", block, re.MULTILINE) for block in blocks]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.mark.slow
def test_the_commands_of_the_first_run_do_what_the_page_says(tmp_path: Path) -> None:
    install, copy, start = commands()[0]
    assert install == "make install"
    checkout, port = tmp_path / "checkout", free_port()
    shutil.copytree(ROOT / "configs", checkout / "configs")
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "connect").symlink_to(Path(sys.executable).with_name("connect"))
    before = {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}
    environment = {
        **os.environ,
        "CONNECT_LISTENERS": f"http://127.0.0.1:{port}",
        "CONNECT_CONTEXTS_FILE": str(tmp_path / "contexts"),
    }
    shell = ["/bin/sh", "-ec"]
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [*shell, f"{copy}\nexec {start}"], cwd=checkout, env=environment, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 60
        while not (checkout / "first-run" / "file-sink.txt").exists():
            assert time.monotonic() < deadline, (tmp_path / "worker.log").read_text()
            time.sleep(0.05)
        there, *others = commands()[1]
        outs = {}
        for command in others:
            if command.startswith("curl") and shutil.which("curl") is None:
                continue
            script = f"{there}\n{command.replace('localhost:8083', f'127.0.0.1:{port}')}"
            done = subprocess.run(
                [*shell, script], cwd=checkout, env=environment, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, (command, done.stderr)
            words = command.split()
            outs[words[1] if words[0].endswith("/connect") else words[0]] = done.stdout
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
    assert outs["echo"] == "one more line\n"
    assert len(outs["consume"].splitlines()) == 2
    assert '"RUNNING"' in outs.get("curl", '"RUNNING"')
    assert {path: path.read_bytes() for path in before} == before
