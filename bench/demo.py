"""`make demo`: the main job on embedded defaults, with a real PostgreSQL and a real worker process.

generated users -> topic -> transforms -> PostgreSQL table
                         -> transforms -> file
a file          -> topic -> another file

python -m bench.demo [--keep]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from bench.embedded_postgres import PostgresUnavailable, start_postgres

CONFIGS = Path(__file__).parent.parent / "configs" / "demo"
CONNECT = Path(sys.executable).with_name("connect")
USERS = 200_000
LINES = 100_000
TIMEOUT_S = 120


def say(text: str = "") -> None:
    print(text, flush=True)


def write_config(name: str, directory: Path, values: dict[str, str]) -> Path:
    text = (CONFIGS / f"{name}.json").read_text()
    for placeholder, value in values.items():
        text = text.replace(f"${{{placeholder}}}", value)
    target = directory / f"{name}.json"
    target.write_text(text)
    return target


def start_worker(directory: Path, configs: list[Path]) -> tuple[subprocess.Popen[bytes], str]:
    data_dir = directory / "data"
    command = [CONNECT, "worker", "--data-dir", data_dir, "--listeners", "http://127.0.0.1:0", *configs]
    process = subprocess.Popen([str(part) for part in command], stderr=(directory / "worker.log").open("wb"))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return process, json.loads((data_dir / "worker.json").read_text())["url"]
        except (OSError, ValueError):
            time.sleep(0.02)
    process.kill()
    sys.exit(f"the worker did not come up:\n{(directory / 'worker.log').read_text()}")


def watch(url: str, wanted: dict[str, int]) -> None:
    """Show rates until every connector has moved what it has to."""
    before: dict[str, int] = {}
    then = time.monotonic()
    deadline = then + TIMEOUT_S
    say(f"\n{'connector':<16}{'state':<10}{'records':>12}{'records/s':>12}")
    while time.monotonic() < deadline:
        time.sleep(0.5)
        tasks = httpx.get(f"{url}/v1/worker").json()["tasks"]
        now = time.monotonic()
        for task in tasks:
            name, records = task["connector"], task["records"]
            rate = (records - before.get(name, 0)) / (now - then)
            if rate or name not in before:
                say(f"{name:<16}{task['state']:<10}{records:>12,}{rate:>12,.0f}")
            if task["state"] == "FAILED":
                sys.exit(httpx.get(f"{url}/connectors/{name}/status").text)
            before[name] = records
        then = now
        if all(before.get(name, 0) >= count for name, count in wanted.items()):
            return
    sys.exit(f"not all records arrived within {TIMEOUT_S} s: {before} of {wanted}")


async def table_rows(postgres_url: str) -> tuple[int, list[Any]]:
    import asyncpg

    connection = await asyncpg.connect(postgres_url)
    try:
        count = await connection.fetchval('SELECT count(*) FROM "users"')
        return count, await connection.fetch('SELECT * FROM "users" ORDER BY "registertime" LIMIT 3')
    finally:
        await connection.close()


def show_results(directory: Path, postgres_url: str | None) -> None:
    if postgres_url is not None:
        count, rows = asyncio.run(table_rows(postgres_url))
        say(f"\nPostgreSQL table users, {count:,} rows; the first:")
        for row in rows:
            say("  " + "  ".join(f"{key}={value}" for key, value in row.items()))
    for name in ("users.jsonl", "copy.txt"):
        with (directory / name).open() as lines:
            say(f"\nfile {name}, its first lines:")
            for _ in range(3):
                say("  " + next(lines).rstrip())
    say("\ntopic users, its first records:")
    command = [str(CONNECT), "consume", "--data-dir", str(directory / "data"), "--topic", "users", "--from-beginning"]
    found = subprocess.run([*command, "--max-messages", "2"], check=True, capture_output=True, text=True)
    for line in found.stdout.splitlines():
        say("  " + line[:160])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="Leave everything running until Ctrl-C.")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="connect-demo-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        postgres_url = None
        try:
            postgres_url = stack.enter_context(start_postgres(directory / "postgres"))
            say(f"PostgreSQL runs on {postgres_url}")
        except PostgresUnavailable as error:
            say(f"Without PostgreSQL: {error}")
        (directory / "lines.txt").write_text("".join(f"line {n}: what goes in comes out\n" for n in range(LINES)))
        values = {"dir": str(directory), "postgres_url": postgres_url or "", "users": str(USERS)}
        wanted = {"users": USERS, "users-file": USERS, "lines": LINES, "lines-copy": LINES}
        if postgres_url is not None:
            wanted["users-table"] = USERS
        process, url = start_worker(directory, [write_config(name, directory, values) for name in wanted])
        stack.callback(stop, process)
        say(f"The worker runs; REST is on {url}, and a page to look at on {url}/ui")
        watch(url, wanted)
        # A sink's file is written when its task flushes; stopping it does, and the table and topic do not wait.
        show_results(directory, postgres_url)
        say(NEXT.format(url=url, data=directory / "data"))
        if options.keep:
            say(f"Everything stays until Ctrl-C, in {directory}.")
            try:
                process.wait()
            except KeyboardInterrupt:
                say()


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()


NEXT = """
That was: generated users through a topic and two transforms into a table and a file;
a file through a topic into another.

Try next (make demo KEEP=1 leaves this worker running):
  {url}/ui in a browser
  curl {url}/connectors?expand=status
  .venv/bin/connect connector list --url {url}
  .venv/bin/connect consume --data-dir {data} --topic lines --from-beginning --max-messages 5
  .venv/bin/connect worker configs/file-source.json configs/file-sink.json     # a worker of your own
  docs/howto/first-run.md, docs/howto/write-a-connector.md
"""


if __name__ == "__main__":
    main()
