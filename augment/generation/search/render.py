"""One call of the target -> a test module whose expected values are left to observation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

from augment.analysis import CallForm, TargetContext
from augment.generation.search.calls import Call
from augment.generation.search.construct import combine
from augment.generation.search.values import Value

OPEN = "..."
"""What stands for an expected value that is to be observed."""
MAX_ITEMS = 20
"""Of an iterator whose end is not known, only so many items are looked at."""
MAX_NAME = 90

DUNDER_FORMS = {
    "__len__": "len({self})", "__str__": "str({self})", "__repr__": "repr({self})", "__bool__": "bool({self})",
    "__iter__": "list(itertools.islice(iter({self}), {items}))", "__contains__": "({args} in {self})",
    "__getitem__": "{self}[{args}]", "__eq__": "({self} == {args})", "__ne__": "({self} != {args})",
    "__lt__": "({self} < {args})", "__le__": "({self} <= {args})", "__gt__": "({self} > {args})",
    "__ge__": "({self} >= {args})", "__add__": "({self} + {args})", "__sub__": "({self} - {args})",
    "__mul__": "({self} * {args})", "__or__": "({self} | {args})", "__and__": "({self} & {args})",
    "__int__": "int({self})", "__float__": "float({self})", "__call__": "{self}({args})",
    "__reversed__": "list(reversed({self}))", "__bytes__": "bytes({self})",
}  # fmt: skip
CONSTRUCTORS = frozenset({"__init__", "__new__", "__post_init__"})


@dataclass(frozen=True)
class Habits:
    """What a function does beside returning, read from its source."""

    returns: bool
    yields: bool
    manages: bool
    prints: bool
    mutates_self: bool

    @classmethod
    def of(cls, context: TargetContext) -> Habits:
        """The habits of a target."""
        try:
            tree = ast.parse(context.source)
        except SyntaxError:
            return cls(True, False, False, False, False)
        nodes = list(ast.walk(tree))
        manages = "contextmanager" in context.source.partition("def ")[0]
        return cls(
            returns=any(isinstance(node, ast.Return) and node.value is not None for node in nodes),
            yields=any(isinstance(node, ast.Yield | ast.YieldFrom) for node in nodes) and not manages,
            manages=manages,
            prints=any(isinstance(node, ast.Name) and node.id == "print" for node in nodes),
            mutates_self=any(_touches_self(node) for node in nodes),
        )


def test_module(context: TargetContext, habits: Habits, call: Call, instance: Value | None, name: str) -> str:
    """The source of a module with one test function called ``name``; ``instance`` is what a method is called on."""
    needs = combine("", [call.needs, *([instance] if instance else [])])
    body, modules = _body(context, habits, call, instance)
    imports = {f"import {module}" for module in modules} | needs.imports
    if instance is None:
        imports.add(context.import_line)
    fixtures = sorted(needs.fixtures | ({"capsys"} if habits.prints else set()))
    lines = [*needs.setup, *body]
    text = "\n".join(f"    {line}" for line in lines)
    return f"{_imports(imports)}\n\n\ndef {name}({', '.join(fixtures)}):\n{text}\n"


def test_name(context: TargetContext, call: Call, instance: Value | None, taken: set[str]) -> str:
    """A name that says what is called with what; unique among ``taken``, to which it is added."""
    called = context.call_name.replace(".", "_").strip("_")
    what = re.sub(r"_+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", called)).lower()
    with_what = f"_with_{call.label}" if call.label else ""
    if instance is not None and instance.text == "subject":
        with_what += f"_{instance.label}"
    base = re.sub(r"\W+|_+", "_", f"test_{what}{with_what}")[:MAX_NAME].rstrip("_")
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    taken.add(name)
    return name


def _body(context: TargetContext, habits: Habits, call: Call, instance: Value | None) -> tuple[list[str], set[str]]:
    if context.form is CallForm.PROPERTY and instance:
        return _property(context, call, instance)
    if context.form is CallForm.CLASS or context.target.qualname.rpartition(".")[2] in CONSTRUCTORS:
        made = context.call_name if context.form is CallForm.CLASS else context.call_name.rpartition(".")[0]
        return [f"assert {made}({call.text}) == {OPEN}"], set()
    lines: list[str] = []
    modules: set[str] = set()
    subject = "subject"
    if instance is not None:
        lines += _made(instance)
    arguments, names = _named_arguments(call) if not habits.returns and not habits.yields else ([], [])
    lines += arguments
    text = ", ".join(names) if names else call.text
    expression = _expression(context, text, subject)
    lines += _observed(context, habits, expression, modules)
    lines += [f"assert {name} == {OPEN}" for name in names if name.isidentifier()]
    if instance is not None and habits.mutates_self:
        lines.append(f"assert {subject} == {OPEN}")
    return lines, modules


def _expression(context: TargetContext, arguments: str, subject: str) -> str:
    name = context.target.qualname.rpartition(".")[2]
    if context.form in (CallForm.CLASS_METHOD, CallForm.STATIC_METHOD):
        return f"{context.call_name.rpartition('.')[0]}.{_mangled(context, name)}({arguments})"
    if context.form is not CallForm.INSTANCE_METHOD:
        return f"{context.call_name}({arguments})"
    if name in DUNDER_FORMS:
        return DUNDER_FORMS[name].format(self=subject, args=arguments, items=MAX_ITEMS)
    return f"{subject}.{_mangled(context, name)}({arguments})"


def _observed(context: TargetContext, habits: Habits, expression: str, modules: set[str]) -> list[str]:
    """Statements that run the call and look at what it gives."""
    if "itertools." in expression:
        modules.add("itertools")
    if context.is_async:
        modules.add("asyncio")
        return _awaited(habits, expression)
    if habits.manages:
        return [f"with {expression} as entered:", f"    assert entered == {OPEN}"]
    if habits.yields:
        modules.add("itertools")
        return [f"assert list(itertools.islice({expression}, {MAX_ITEMS})) == {OPEN}"]
    printed = [f"assert capsys.readouterr().out == {OPEN}"] if habits.prints else []
    return [f"assert {expression} == {OPEN}", *printed] if habits.returns or not printed else [expression, *printed]


def _awaited(habits: Habits, expression: str) -> list[str]:
    if habits.manages:
        return [
            "async def entered():",
            f"    async with {expression} as value:",
            "        return value",
            "",
            f"assert asyncio.run(entered()) == {OPEN}",
        ]
    if habits.yields:
        return [
            "async def collected():",
            f"    return [item async for item in {expression}]",
            "",
            f"assert asyncio.run(collected()) == {OPEN}",
        ]
    return [f"assert asyncio.run({expression}) == {OPEN}"]


def _property(context: TargetContext, call: Call, instance: Value) -> tuple[list[str], set[str]]:
    name = _mangled(context, context.call_name.rpartition(".")[2])
    lines = _made(instance)
    if context.target.qualname.endswith(".setter"):
        lines.append(f"subject.{name} = {call.text}")
    elif context.target.qualname.endswith(".deleter"):
        return [*lines, f"del subject.{name}", f"assert subject == {OPEN}"], set()
    return [*lines, f"assert subject.{name} == {OPEN}"], set()


def _named_arguments(call: Call) -> tuple[list[str], list[str]]:
    """Mutable arguments get a name, so that the test can look at what became of them."""
    lines: list[str] = []
    names: list[str] = []
    for parameter, value in call.arguments:
        if value.text.startswith(("[", "{")):
            lines.append(f"{parameter.name} = {value.text}")
            names.append(parameter.name)
        else:
            names.append(Call(((parameter, value),)).text)
    return (lines, names) if lines else ([], [])


def _made(instance: Value) -> list[str]:
    """The statement that makes the instance, unless its setup did."""
    return [] if instance.text == "subject" else [f"subject = {instance.text}"]


def _mangled(context: TargetContext, name: str) -> str:
    """A private method's name as seen from outside its class."""
    if not name.startswith("__") or name.endswith("__"):
        return name
    owner = context.target.qualname.split(".")[-2].lstrip("_")
    return f"_{owner}{name}"


def _touches_self(node: ast.AST) -> bool:
    """Whether a node assigns to an attribute of ``self`` or calls a method of one."""
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
        return isinstance(node.value, ast.Name) and node.value.id == "self"
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return ast.unparse(node.value).startswith("self.")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        changing = ("append", "add", "update", "pop", "remove", "extend", "clear", "setdefault", "insert", "discard")
        return node.func.attr in changing and ast.unparse(node.func.value).startswith("self.")
    return False


def _imports(lines: Iterable[str]) -> str:
    ordered = sorted(set(lines), key=lambda line: (line.startswith("from"), line))
    return "\n".join(ordered)
