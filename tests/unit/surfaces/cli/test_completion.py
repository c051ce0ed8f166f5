"""`burgee completion`, and what the shell then asks."""

import subprocess
from typing import Any

import pytest


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(burgee: Any, shell: str) -> None:
    ran = burgee("completion", shell)
    assert ran.code == 0
    assert f"_BURGEE_COMPLETE={shell}_complete" in ran.out


def test_bash_can_read_its_script(burgee: Any) -> None:
    script = burgee("completion", "bash").out
    subprocess.run(["bash", "-n"], input=script, text=True, check=True, timeout=30)


def test_an_unknown_shell_is_wrong_usage(burgee: Any) -> None:
    assert burgee("completion", "tcsh").code == 2


def test_commands_are_completed(burgee: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_BURGEE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "burgee flags re")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert burgee().out == "plain,restore\n"
