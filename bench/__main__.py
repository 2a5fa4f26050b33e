"""`make bench`: runs every job three times, prints the medians beside the targets, and writes them as JSON.

python -m bench [--records N] [--runs N] [--only NAME ...] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import log
from bench.jobs import JOBS, bytes_of

#: Records a second that each job is to reach on the reference machine (2 cores).
TARGETS = {
    "file_to_topic": 600_000,
    "file_to_topic_exactly_once": 420_000,
    "topic_to_file": 700_000,
    "json_to_folder": 200_000,
    "datagen_to_topic": 500_000,
    "related_to_topics": 200_000,
    "three_transforms": 450_000,
    "five_transforms": 200_000,
    "json_to_postgres": 200_000,
    "json_to_postgres_exactly_once": 190_000,
    "json_to_postgres_upsert": 90_000,
    "json_to_postgres_tolerant": 194_000,
    "json_to_postgres_bad_records": 100_000,
    "postgres_to_topic": 400_000,
}
START_TARGET_S = 0.6
IDLE_TARGET_MIB = 120
RESULTS = Path(__file__).parent / "results" / "latest.json"


def run_job(name: str, records: int, runs: int, postgres_url: str | None) -> dict[str, Any]:
    samples, limits = [], []
    for _ in range(runs):  # in turn, so that both meet the same machine
        limits.append(_run(name, records, postgres_url, "--limit"))
        samples.append(_run(name, records, postgres_url))
    wall_s = statistics.median(s["wall_s"] for s in samples)
    return {
        "records": records,
        "wall_s": round(wall_s, 3),
        "cpu_s": round(statistics.median(s["cpu_s"] for s in samples), 3),
        "records_per_s": round(records / wall_s),
        "peak_mib": round(max(s["peak_mib"] for s in samples), 1),
        "target_records_per_s": TARGETS[name],
        "bytes": bytes_of(name, records),
        "limit_wall_s": round(statistics.median(s["wall_s"] for s in limits), 3),
        "limit_cpu_s": round(statistics.median(s["cpu_s"] for s in limits), 3),
        "wall_ratio": _ratio(samples, limits, "wall_s"),
        "cpu_ratio": _ratio(samples, limits, "cpu_s"),
        "runs_wall_s": [round(s["wall_s"], 3) for s in samples],
    }


def _run(name: str, records: int, postgres_url: str | None, *flags: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.jobs", name, "--records", str(records), *flags]
    command += ["--postgres-url", postgres_url] if postgres_url else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _ratio(samples: list[dict[str, float]], limits: list[dict[str, float]], key: str) -> float:
    return round(statistics.median(a[key] / b[key] for a, b in zip(samples, limits, strict=True)), 2)


def run_start(runs: int) -> dict[str, Any]:
    """Start a worker process on an empty directory: seconds to the first answer, and MiB when it has been idle."""
    starts, memory = [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="connect-bench-") as directory:
            began = time.perf_counter()
            process = subprocess.Popen(
                [
                    Path(sys.executable).with_name("connect"),
                    "worker",
                    "--data-dir",
                    directory,
                    "--listeners",
                    "http://127.0.0.1:0",
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                _until_ready(Path(directory), process)
                starts.append(time.perf_counter() - began)
                time.sleep(2)  # what idles is measured, not what starts
                memory.append(_resident_mib(process.pid))
            finally:
                process.terminate()
                process.wait(30)
    return {
        "start_s": round(statistics.median(starts), 3),
        "start_target_s": START_TARGET_S,
        "idle_mib": round(statistics.median(memory), 1),
        "idle_target_mib": IDLE_TARGET_MIB,
    }


def _until_ready(directory: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    url_file = directory / "worker.json"
    while time.monotonic() < deadline and process.poll() is None:
        try:
            url = json.loads(url_file.read_text())["url"]
            with urllib.request.urlopen(f"{url}/connectors", timeout=5):
                return
        except (OSError, ValueError, KeyError):
            time.sleep(0.005)
    sys.exit("the worker did not come up within 30 s")


def _resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        return next(int(row.split()[1]) for row in status.read_text().splitlines() if row.startswith("VmRSS")) / 1024
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)])) / 1024


def show(results: dict[str, Any]) -> None:
    print(
        f"\n{'job':<20}{'records/s':>12}{'target':>12}{'MB/s':>8}{'wall s':>9}{'CPU s':>8}{'peak MiB':>10}"
        f"{'bare loop: wall s':>20}{'CPU s':>8}{'ratio: wall':>14}{'CPU':>7}"
    )
    for name, row in results["jobs"].items():
        mark = "" if row["records_per_s"] >= row["target_records_per_s"] else "  below target"
        print(
            f"{name:<20}{row['records_per_s']:>12,}{row['target_records_per_s']:>12,}"
            f"{row['bytes'] / row['wall_s'] / 1e6:>8.0f}{row['wall_s']:>9.2f}{row['cpu_s']:>8.2f}"
            f"{row['peak_mib']:>10.0f}"
            f"{row['limit_wall_s']:>20.2f}{row['limit_cpu_s']:>8.2f}{row['wall_ratio']:>14.2f}{row['cpu_ratio']:>7.2f}{mark}"
        )
    if start := results.get("start"):
        print(f"{'start to REST ready':<20}{start['start_s']:>10.2f} s{START_TARGET_S:>10.2f} s")
        print(f"{'idle memory':<20}{start['idle_mib']:>8.0f} MiB{IDLE_TARGET_MIB:>8.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Connect.")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    names = [*JOBS, "start", "log"]
    parser.add_argument("--only", nargs="*", choices=names, default=names)
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    results: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "jobs": {},
    }
    with ExitStack() as stack:
        postgres_url = None
        if any("postgres" in name for name in options.only):
            from bench.embedded_postgres import start_postgres

            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="connect-bench-pg-"))
            postgres_url = stack.enter_context(start_postgres(Path(directory)))
        for name in options.only:
            if name in JOBS:
                results["jobs"][name] = run_job(
                    name, options.records, options.runs, postgres_url if "postgres" in name else None
                )
                print(f"{name}: {results['jobs'][name]['records_per_s']:,} records/s", flush=True)
    if "start" in options.only:
        results["start"] = run_start(options.runs)
    if "log" in options.only:
        results["log"] = {name: log.measure(name, options.records, options.runs) for name in log.JOBS}
    show(results)
    if "log" in results:
        log.show(results["log"])
    options.json.parent.mkdir(exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
