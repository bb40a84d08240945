"""The command line knows every command, whichever modules it imports for one of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from augment.cli import _GROUPS, _MODULES, main, make_app


def names(app: typer.Typer) -> set[str]:
    return set(typer.main.get_group(app).commands)


@pytest.mark.parametrize(("module", "commands"), _MODULES.items())
def test_a_module_registers_what_the_table_says(module, commands):
    assert names(make_app(commands[0])) == set(commands)


def test_all_commands_are_there_without_a_name_and_for_an_unknown_one():
    every = {*_GROUPS} | {name for commands in _MODULES.values() for name in commands}
    assert names(make_app()) == names(make_app("nonsense")) == names(make_app("--help")) == every


def test_an_unknown_command_is_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["nonsense"])
    assert ended.value.code == 2
    assert "nonsense" in capsys.readouterr().err


def test_the_shell_completes_commands():
    asked = {"_AUGMENT_COMPLETE": "complete_bash", "COMP_WORDS": "augment fi", "COMP_CWORD": "1", "PATH": os.defpath}
    command = Path(sys.executable).with_name("augment")
    done = subprocess.run([command], env=asked, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["findings"]
