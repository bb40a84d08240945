"""What the generator without a model puts in the place of the world."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from augment.analysis import ContextBuilder, TargetContext, discover_project, targets_of
from augment.generation.search import SearchGenerator
from augment.generation.search.surroundings import named_variables, settings_for


def context(folder: Path, source: str, qualname: str = "f") -> TargetContext:
    text = textwrap.dedent(source)
    (folder / "shop.py").write_text(text)
    target = next(item for item in targets_of(text, "shop", "shop.py") if item.qualname == qualname)
    return ContextBuilder(discover_project(folder), {"shop.py": text}).build(target)


def setups(folder: Path, source: str, qualname: str = "f") -> list[str]:
    return ["\n".join(item.setup) for item in settings_for(context(folder, source, qualname))]


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("import os\ndef f(): return os.environ['A']", "monkeypatch.setenv('A', "),
        ("from os import environ\ndef f(): return environ.get('A')", "monkeypatch.setenv('A', "),
        ("import os\ndef f(): return dict(os.environ)", "monkeypatch.setattr('os.environ', {'APP_MODE'"),
        ("import os\ndef f(x): return os.environ.get(x + '_A')", "monkeypatch.setattr('os.environ', {"),
        ("import os\ndef f(): return g()\ndef g(): return os.getenv('DEEP')", "monkeypatch.setenv('DEEP', "),
        ("import time\ndef f(): return time.time()", "monkeypatch.setattr('time.time', lambda: now)"),
        ("from time import time\ndef f(): return time()", "monkeypatch.setattr('shop.time', lambda: now)"),
        ("def f():\n    import time\n    return time.time()", "monkeypatch.setattr('time.time', lambda: now)"),
        ("from datetime import date\ndef f(): return date.today()", "monkeypatch.setattr('shop.date', FrozenDate)"),
        ("def f():\n    from datetime import date\n    return date.today()", "'datetime.date', FrozenDate)"),
        (
            "from datetime import datetime as D\ndef f(): return D.now()",
            "monkeypatch.setattr('shop.D', FrozenDatetime)",
        ),
        ("import time\ndef f(): return time.perf_counter()", "itertools.count(100.0, 0.5).__next__"),
        ("import asyncio\nasync def f(): await asyncio.sleep(9)", "monkeypatch.setattr('asyncio.sleep', nap)"),
        ("from random import choice\ndef f(x: list): return choice(x)", "random.seed(0)"),
        (
            "import random\ndef f(): return random.Random().random()",
            "monkeypatch.setattr('random.Random', lambda: chance)",
        ),
        ("import numpy as np\ndef f(): return np.random.rand(3)", "numpy.random.seed(0)"),
        ("import uuid\ndef f(): return uuid.uuid4()", "monkeypatch.setattr('uuid.uuid4', lambda: uuid.UUID(int=7))"),
        ("import httpx\ndef f(): return httpx.post('x').text", "monkeypatch.setattr('httpx.post', answer)"),
        ("import socket\ndef f(): return socket.socket().recv(3)", "monkeypatch.setattr('socket.socket', Connection)"),
        ("from subprocess import run\ndef f(): return run(['a'])", "monkeypatch.setattr('shop.run', run)"),
        ("def f(): return open('a.txt').read()", "(tmp_path / 'a.txt').write_text("),
        ("def f(): return input()", "monkeypatch.setattr('builtins.input'"),
        ("import sys\ndef f(): return sys.stdin.read()", "monkeypatch.setattr('sys.stdin', io.StringIO("),
        ("import sys\ndef f(): return sys.argv[1]", "monkeypatch.setattr('sys.argv', ['program', 'one', '2'])"),
        ("import functools\n@functools.cache\ndef f(): return 1", "shop.f.cache_clear()"),
        ("A = []\ndef f(): A.append(1)", "monkeypatch.setattr('shop.A', [])"),
        ("A = 0\ndef f():\n    global A\n    A += 1", "monkeypatch.setattr('shop.A', 0)"),
        (
            "import collections\nA = collections.Counter()\ndef f(): A['x'] += 1",
            "'shop.A', shop.collections.Counter())",
        ),
        ("class C:\n    made = 0\ndef f():\n    C.made += 1", "monkeypatch.setattr('shop.C.made', 0)"),
    ],
)
def test_whatever_comes_from_outside_is_set_by_the_test(tmp_path: Path, code: str, line: str) -> None:
    found = setups(tmp_path, code)
    assert line in found[0]
    assert all(ast.parse(setup) for setup in found)


@pytest.mark.parametrize(
    "code",
    [
        "def f(x): return x + 1",
        "import re\ndef f(x): return re.sub('a', 'b', x)",
        "A = [1]\ndef f(x): return x in A",
        "def f(items):\n    items.append(1)\n    return items",
        "import random\ndef f(seed): return random.Random(seed).random()",
    ],
)
def test_what_depends_on_its_arguments_only_is_called_as_it_is(tmp_path: Path, code: str) -> None:
    assert [item for item in settings_for(context(tmp_path, code)) if item.setup] == []


def test_each_further_setting_differs_in_one_thing(tmp_path: Path) -> None:
    source = """
    import os
    def f():
        if os.environ.get("A") == "on":
            return int(os.environ["B"])
        return 0
    """
    first, empty, *others = setups(tmp_path, source)
    assert first == "monkeypatch.setenv('A', 'on')\nmonkeypatch.setenv('B', '9000')"
    assert empty == "monkeypatch.delenv('A', raising=False)\nmonkeypatch.delenv('B', raising=False)"
    assert all(len(set(first.split("\n")) - set(other.split("\n"))) == 1 for other in others)
    assert "monkeypatch.setenv('A', 'on')\nmonkeypatch.setenv('B', 'many')" in others


def test_a_variable_that_a_parameter_names_is_set_under_that_name(tmp_path: Path) -> None:
    made = context(tmp_path, "import os\ndef f(name): return os.environ.get(name, '')")
    assert named_variables(made) == {"name": "APP_NAME"}
    source = SearchGenerator().propose(made, 1, 10)[0].source
    assert "monkeypatch.setenv('APP_NAME', 'on')" in source
    assert "f('APP_NAME')" in source


def test_what_the_call_does_to_the_outside_is_looked_at(tmp_path: Path) -> None:
    def looks(code: str) -> tuple[str, ...]:
        return settings_for(context(tmp_path, code))[0].looks

    assert looks("import subprocess\ndef f(): subprocess.run(['a'])") == ("commands",)
    assert looks("import time\ndef f(): time.sleep(3)") == ("naps",)
    assert looks("A = {}\ndef f(): A['x'] = 1") == ("shop.A",)
    assert "tmp_path.rglob" in looks("def f(path): path.write_text('x')")[0]
    assert settings_for(context(tmp_path, "def f(path): return path.read_text()")) == []


def test_scripts_are_run_with_arguments_and_without(tmp_path: Path) -> None:
    source = "import sys\ndef f(): return len(sys.argv)\nif __name__ == '__main__':\n    sys.exit(f())\n"
    found = [
        item.source for item in SearchGenerator().propose(context(tmp_path, source), 1, 20) if item.origin == "script"
    ]
    assert len(found) == 3
    assert all("runpy.run_module('shop', run_name='__main__')" in text for text in found)
    assert all("assert caught.value.code == ..." in text for text in found)
    assert "['program', 'one', '2']" in found[0]
    assert "['program']" in found[1]
