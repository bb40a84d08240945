"""One call of the target -> a test module whose expected values are left to observation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from augment.analysis import TargetContext
from augment.generation.search.calls import Call
from augment.generation.search.construct import combine
from augment.generation.search.forms import OPEN, Form
from augment.generation.search.habits import Habits
from augment.generation.search.setting import Setting
from augment.generation.search.values import Value

MAX_NAME = 90
_EXITS = re.compile(r"\bexit\(|SystemExit")


def test_module(
    context: TargetContext,
    habits: Habits,
    call: Call,
    instance: Value | None,
    form: Form,
    setting: Setting,
    name: str,
) -> str:
    """The source of a module with one test function called ``name``; ``instance`` is what a method is called on."""
    needs = combine("", [call.needs, *([instance] if instance else []), form.needs])
    imports = {f"import {module}" for module in form.modules} | needs.imports | setting.imports
    if instance is None:
        imports.add(context.import_line)
    fixtures = needs.fixtures | setting.fixtures | ({"capsys"} if "capsys." in "\n".join(form.lines) else set())
    looks = [f"assert {look} == {OPEN}" for look in setting.looks]
    return _module(imports, name, fixtures, [*setting.setup, *needs.setup, *form.lines, *looks])


def script_modules(context: TargetContext, names: Iterator[str]) -> Iterator[str]:
    """Tests that run the target's module as a script, with arguments and without."""
    if not context.main_guard:
        return
    module = context.target.module
    run = f"runpy.run_module({module!r}, run_name='__main__')"
    exits = bool(_EXITS.search(context.main_guard) or _EXITS.search(context.source))
    for arguments in (["one", "2"], [], ["--help"]):
        lines = [f"monkeypatch.setattr('sys.argv', {['program', *arguments]!r})"]
        if exits:
            lines += ["with pytest.raises(SystemExit) as caught:", f"    {run}", f"assert caught.value.code == {OPEN}"]
        else:
            lines.append(run)
        lines.append(f"assert capsys.readouterr().out == {OPEN}")
        imports = {"import runpy", *(["import pytest"] if exits else [])}
        yield _module(imports, next(names), {"capsys", "monkeypatch"}, lines)


def test_name(
    context: TargetContext, call: Call, instance: Value | None, taken: set[str], labels: Iterable[str]
) -> str:
    """A name that says what is called with what; unique among ``taken``, to which it is added."""
    called = context.call_name.replace(".", "_").strip("_")
    what = re.sub(r"_+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", called)).lower()
    with_what = f"_with_{call.label}" if call.label else ""
    if instance is not None and instance.text == "subject":
        with_what += f"_{instance.label}"
    with_what += "".join(f"_{label}" for label in labels if label)
    base = re.sub(r"\W+|_+", "_", f"test_{what}{with_what}")[:MAX_NAME].rstrip("_")
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    taken.add(name)
    return name


def _module(imports: Iterable[str], name: str, fixtures: Iterable[str], statements: Iterable[str]) -> str:
    lines = [line for statement in statements for line in statement.split("\n")]
    text = "\n".join(f"    {line}" if line else "" for line in lines)
    ordered = sorted(set(imports), key=lambda line: (line.startswith("from"), line))
    return "\n".join(ordered) + f"\n\n\ndef {name}({', '.join(sorted(set(fixtures)))}):\n{text}\n"
