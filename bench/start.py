"""`python -m bench.start`: from the start of `connect worker` to its first answer over REST.

And how long commands take.

Each start is a process with a data directory of its own, new, and listens on a free port. Seconds are wall time, from
before the process is made until `GET /` is answered; CPU is the process's own until then. Medians of the runs.

python -m bench.start [--runs N] [--modules]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TARGET_S: Final = 0.6
DEADLINE_S: Final = 30.0
CONNECT: Final = [sys.executable, "-m", "connect"]
#: Commands that need no worker, which people and shells run often.
COMMANDS: Final = (["--help"], ["connector", "--help"], ["plugin", "list"], ["context", "list"])
#: Where the byte code of the runs is kept.
_BYTE_CODE: Final = Path(tempfile.gettempdir()) / "connect-bench-byte-code"
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds to the first answer, of the processor too, and the resident memory then."""

    wall_s: float
    cpu_s: float
    rss_mib: float


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(_BYTE_CODE)}


def start_worker() -> Start:
    with tempfile.TemporaryDirectory(prefix="connect-bench-") as folder:
        command = [*CONNECT, "worker", "--data-dir", folder, "--listeners", "http://127.0.0.1:0"]
        found = Path(folder) / "worker.json"
        began = time.perf_counter()
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment())
        try:
            while not found.exists() or not (text := found.read_bytes()):
                if process.poll() is not None or time.perf_counter() - began > DEADLINE_S:
                    sys.exit("the worker does not start")
                time.sleep(0.002)
            with urllib.request.urlopen(json.loads(text)["url"]) as answer:
                assert answer.status == 200, answer.status
            wall_s = time.perf_counter() - began
            return Start(wall_s, _cpu_s(process.pid), _rss_mib(process.pid))
        finally:
            process.terminate()
            process.wait(DEADLINE_S)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _rss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def run_command(arguments: list[str]) -> tuple[float, float]:
    """Run a command to its end; return its seconds, and those of the processor."""
    before, began = os.times(), time.perf_counter()
    subprocess.run([*CONNECT, *arguments], stdout=subprocess.DEVNULL, check=True, env=environment())
    wall_s, after = time.perf_counter() - began, os.times()
    cpu_s = after.children_user - before.children_user + after.children_system - before.children_system
    return wall_s, cpu_s


def imported_modules() -> list[tuple[int, str]]:
    """Return what a worker imports until it is ready: microseconds of the module itself, by Python, and its name."""
    with tempfile.TemporaryDirectory(prefix="connect-bench-") as folder:
        command = [sys.executable, "-X", "importtime", "-m", "connect", "worker"]
        command += ["--data-dir", folder, "--listeners", "http://127.0.0.1:0"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment())
        assert process.stderr is not None
        found = []
        for line in process.stderr:
            if "REST is ready" in line:
                break
            if line.startswith("import time:") and line[12:].split("|")[0].strip().isdigit():
                own, _, name = line[12:].split("|")
                found.append((int(own), name.strip()))
        process.terminate()
        process.communicate(timeout=DEADLINE_S)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--modules", action="store_true", help="also which packages the imports' time goes to")
    arguments = parser.parse_args()
    start_worker()  # writes byte code, and has files in memory
    starts = [start_worker() for _ in range(arguments.runs)]
    wall_s = statistics.median(s.wall_s for s in starts)
    cpu_s = statistics.median(s.cpu_s for s in starts)
    rss_mib = statistics.median(s.rss_mib for s in starts)
    modules = imported_modules()
    print(
        f"worker to REST ready  {wall_s:.3f} s (target {TARGET_S})  CPU {cpu_s:.2f} s  RSS {rss_mib:.0f} MiB  "
        f"modules {len(modules)}"
    )
    for command in COMMANDS:
        samples = [run_command(command) for _ in range(arguments.runs)]
        wall_s, cpu_s = (statistics.median(sample[i] for sample in samples) for i in (0, 1))
        print(f"connect {' '.join(command):<20}  {wall_s:.3f} s  CPU {cpu_s:.2f} s")
    if arguments.modules:
        packages: Counter[str] = Counter()
        for own, name in modules:
            packages[".".join(name.split(".")[: 2 if name.startswith("connect.") else 1])] += own
        for name, own in packages.most_common(30):
            print(f"{own / 1000:8.1f} ms  {name}")


if __name__ == "__main__":
    main()
