from __future__ import annotations

import subprocess
import sys

import pytest

#: Runs in a process that has imported nothing else: each module in a fork of its own, so that none registers codes for
#: another.
_LOOK = """
import ast, importlib, os, sys
from pathlib import Path
import connect.cli
failed = False
for path in sorted(Path(connect.cli.__file__).parent.glob("*.py")):
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    values = [one.value for call in calls for one in call.keywords if one.arg == "code"]
    codes = {one.value for one in values if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    if not codes:
        continue
    child = os.fork()
    if not child:
        try:
            importlib.import_module(f"connect.cli.{path.stem}")
            from connect.api.error_codes import CODES
            unknown = sorted(codes - set(CODES))
            print(path.stem, *unknown, flush=True) if unknown else None
            os._exit(1 if unknown else 0)
        except BaseException as error:
            print(path.stem, repr(error), flush=True)
            os._exit(1)
    failed |= os.waitpid(child, 0)[1] != 0
sys.exit(failed)
"""


@pytest.mark.slow
def test_every_module_of_the_command_line_knows_the_codes_that_it_raises_in_a_process_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", _LOOK], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
