"""The page for the first day, followed from its top: every command on the way to a restore works."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "start" / "local.md"
FLAG = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
FLAG["targeting"] = {"if": [{"==": [{"var": "plan"}, "pro"]}, "on"]}


def commands() -> list[str]:
    """The command lines of the sections that bring flags and change one, in order."""
    page = PAGE.read_text(encoding="utf-8")
    section = page.partition("## Bring your flags")[2].partition("## Ask from a program")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.mark.parametrize("files", [1, 2])
def test_the_page_followed_in_order_works(tmp_path: Path, files: int) -> None:
    (tmp_path / "flags").mkdir()
    for number in range(files):
        document = json.dumps({"flags": {f"imported-{number}": FLAG}})
        (tmp_path / "flags" / f"{number}.json").write_text(document)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BURGEE_")}
    first_revision, ran = "", []
    for line in commands():
        command = line.replace(".venv/bin/burgee", f"{shlex.quote(sys.executable)} -m burgee")
        done = subprocess.run(
            command.replace("REVISION", first_revision),
            shell=True,
            cwd=tmp_path,
            env=kept,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        if " flags history " in line:
            first_revision = done.stdout.strip().splitlines()[-1].split()[0]
        ran.append(line.split()[1:3])
    assert ran[-1] == ["flags", "restore"]
