"""The forms in which a test calls a target: plainly, in ``with``, as an attribute, by calling what comes back."""

from __future__ import annotations

import ast
import builtins
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from augment.analysis import CallForm, TargetContext
from augment.generation.search.calls import VARIADIC, Call
from augment.generation.search.closures import (
    SAMPLE,
    Returned,
    calls_of,
    is_class_decorator,
    returned_function,
    stand_ins,
    takes_function,
)
from augment.generation.search.construct import Maker, combine
from augment.generation.search.habits import Habits
from augment.generation.search.values import Value

OPEN = "..."
"""What stands for an expected value that is to be observed."""
MAX_ITEMS = 20
"""Of an iterator whose end is not known, only so many items are looked at."""
DUNDER_FORMS = {
    "__len__": "len({self})", "__str__": "str({self})", "__repr__": "repr({self})", "__bool__": "bool({self})",
    "__iter__": "list(itertools.islice(iter({self}), {items}))", "__contains__": "({args} in {self})",
    "__getitem__": "{self}[{args}]", "__eq__": "({self} == {args})", "__ne__": "({self} != {args})",
    "__lt__": "({self} < {args})", "__le__": "({self} <= {args})", "__gt__": "({self} > {args})",
    "__ge__": "({self} >= {args})", "__add__": "({self} + {args})", "__sub__": "({self} - {args})",
    "__mul__": "({self} * {args})", "__or__": "({self} | {args})", "__and__": "({self} & {args})",
    "__int__": "int({self})", "__float__": "float({self})", "__call__": "{self}({args})",
    "__reversed__": "list(reversed({self}))", "__bytes__": "bytes({self})", "__neg__": "(-{self})",
    "__truediv__": "({self} / {args})", "__floordiv__": "({self} // {args})", "__mod__": "({self} % {args})",
    "__pow__": "({self} ** {args})", "__xor__": "({self} ^ {args})", "__abs__": "abs({self})",
    "__invert__": "(~{self})", "__next__": "list(itertools.islice({self}, {items}))",
}  # fmt: skip
DUNDER_STATEMENTS = {
    "__delitem__": "del {self}[{args}]", "__iadd__": "{self} += {args}", "__ior__": "{self} |= {args}",
    "__isub__": "{self} -= {args}", "__imul__": "{self} *= {args}",
}  # fmt: skip
CONSTRUCTORS = frozenset({"__init__", "__new__", "__post_init__"})
DESCRIPTORS = frozenset({"__get__", "__set__", "__delete__", "__set_name__"})
ENTERING = frozenset({"__enter__", "__aenter__"})
LEAVING = frozenset({"__exit__", "__aexit__"})
SUBJECT = "subject"


@dataclass(frozen=True)
class Form:
    """The statements of a test after its setup, and what they need: modules, and values with lines of their own."""

    lines: tuple[str, ...]
    modules: frozenset[str] = frozenset()
    needs: Value = Value("")  # noqa: RUF009 - frozen
    label: str = ""
    calls_target: bool = True
    """Whether the target's own name stands in it, so that it has to be imported."""


class Forms:
    """The forms of one target."""

    def __init__(self, context: TargetContext, habits: Habits, maker: Maker, rng: random.Random) -> None:
        self._context = context
        self._habits = habits
        self._maker = maker
        self._name = context.target.qualname.removesuffix(".setter").removesuffix(".deleter").rpartition(".")[2]
        returned = returned_function(context)
        self._returned = returned if context.form is not CallForm.CLASS else None
        self._wraps = returned is not None and takes_function(context, returned)
        wanted = _innermost(returned) if returned is not None else None
        self._inner = calls_of(wanted, maker, rng) if wanted is not None and not self._wraps else []

    def of(self, call: Call, instance: Value | None) -> Iterator[Form]:
        """Every form for one call; ``instance`` is what a method is called on."""
        context = self._context
        if self._name in DESCRIPTORS:
            yield from self._descriptor(call)
        elif instance is not None and self._name in LEAVING:
            yield from self._leaving(instance)
        elif instance is not None and self._name in ENTERING:
            yield self._entering(instance)
        elif context.form is CallForm.PROPERTY and instance is not None:
            yield self._property(call, instance)
        elif context.form is CallForm.CLASS or self._name in CONSTRUCTORS:
            made = context.call_name if context.form is CallForm.CLASS else context.call_name.rpartition(".")[0]
            yield Form((f"assert {made}({call.text}) == {OPEN}",))
        elif self._returned is not None and self._wraps:
            yield from self._decorating(call)
        elif self._returned is not None and self._inner:
            yield from self._calling_back(call, instance)
        elif instance is None and is_class_decorator(context):
            value = Value("Sample", setup=SAMPLE)
            yield Form((f"{SUBJECT} = {context.call_name}(Sample)", f"assert {SUBJECT} == {OPEN}"), needs=value)
        else:
            yield from self._plain(call, instance)

    # ----- calls

    def _plain(self, call: Call, instance: Value | None) -> Iterator[Form]:
        named, text = _named(call, self._habits)
        lines = [*_made(instance), *(f"{name} = {value}" for name, value in named)]
        after = [f"assert {name} == {OPEN}" for name, _ in named]
        if instance is not None and self._habits.mutates_self:
            after.append(f"assert {SUBJECT} == {OPEN}")
        if instance is not None and self._name in ("__setitem__", *DUNDER_STATEMENTS):
            yield Form((*lines, self._statement(call), f"assert {SUBJECT} == {OPEN}"))
            return
        expression = self._expression(text)
        for looks, modules, label in self._looked_at(expression):
            yield Form((*lines, *looks, *after), frozenset(modules), label=label)
        if self._remembers(instance) and not named and not self._habits.manages:
            twice, modules, _ = next(self._looked_at(expression))
            yield Form((*lines, *twice, *twice, *after), frozenset(modules), label="twice")

    def _remembers(self, instance: Value | None) -> bool:
        """Whether a second call may give something else than the first one."""
        return bool(self._context.outside.state) or (instance is not None and self._habits.mutates_self)

    def _statement(self, call: Call) -> str:
        texts = [value.text for _, value in call.arguments]
        if self._name == "__setitem__":
            key, value = (*texts, "None")[:2]
            return f"{SUBJECT}[{key}] = {value}"
        return DUNDER_STATEMENTS[self._name].format(self=SUBJECT, args=", ".join(texts))

    def _expression(self, arguments: str) -> str:
        context, name = self._context, self._name
        if context.form in (CallForm.CLASS_METHOD, CallForm.STATIC_METHOD):
            return f"{context.call_name.rpartition('.')[0]}.{self._mangled(name)}({arguments})"
        if context.form is not CallForm.INSTANCE_METHOD:
            return f"{context.call_name}({arguments})"
        if name in DUNDER_FORMS:
            return DUNDER_FORMS[name].format(self=SUBJECT, args=arguments, items=MAX_ITEMS)
        return f"{SUBJECT}.{self._mangled(name)}({arguments})"

    def _looked_at(self, expression: str) -> Iterator[tuple[list[str], set[str], str]]:
        """Statements that run the call and look at what it gives, the modules that they use, and a label."""
        habits = self._habits
        modules = {"itertools"} if "itertools." in expression else set[str]()
        if self._context.is_async:
            yield from (
                (lines, modules | {"asyncio"} | more, label) for lines, more, label in self._awaited(expression)
            )
        elif habits.manages:
            yield [f"with {expression} as entered:", f"    assert entered == {OPEN}", *self._printed()], modules, ""
            for error in habits.catches[:2] or ("ValueError",):
                lines = [f"with contextlib.suppress({error}):", f"    with {expression}:"]
                lines.append(f"        raise {error}('inside')")
                if not habits.changes and not habits.prints:
                    lines = ["survived = False", *lines, "    survived = True", f"assert survived == {OPEN}"]
                yield (
                    [*lines, *self._printed()],
                    modules | {"contextlib"},
                    "failing_inside",
                )
        elif habits.yields:
            looked = f"assert list(itertools.islice({expression}, {MAX_ITEMS})) == {OPEN}"
            yield [looked, *self._printed()], modules | {"itertools"}, ""
        elif habits.returns or not habits.prints:
            yield [f"assert {expression} == {OPEN}", *self._printed()], modules, ""
        else:
            yield [expression, *self._printed()], modules, ""

    def _printed(self) -> list[str]:
        return [f"assert capsys.readouterr().out == {OPEN}"] if self._habits.prints else []

    def _awaited(self, expression: str) -> Iterator[tuple[list[str], set[str], str]]:
        if self._habits.manages:
            lines = ["async def entered():", f"    async with {expression} as value:", "        return value", ""]
            yield [*lines, f"assert asyncio.run(entered()) == {OPEN}"], set(), ""
            error = (*self._habits.catches, "ValueError")[0]
            lines = [
                "async def failing():",
                f"    with contextlib.suppress({error}):",
                f"        async with {expression}:",
            ]
            lines += [f"            raise {error}('inside')", "        return 'survived'", ""]
            yield [*lines, f"assert asyncio.run(failing()) == {OPEN}"], {"contextlib"}, "failing_inside"
        elif self._habits.yields:
            lines = ["async def collected():", "    found = []", f"    async for item in {expression}:"]
            lines += ["        found.append(item)", f"        if len(found) == {MAX_ITEMS}:", "            break"]
            yield [*lines, "    return found", "", f"assert asyncio.run(collected()) == {OPEN}"], set(), ""
        else:
            yield [f"assert asyncio.run({expression}) == {OPEN}", *self._printed()], set(), ""

    def _mangled(self, name: str) -> str:
        """A private method's name as seen from outside its class."""
        if not name.startswith("__") or name.endswith("__"):
            return name
        owner = self._context.target.qualname.split(".")[-2].lstrip("_")
        return f"_{owner}{name}"

    # ----- attributes

    def _property(self, call: Call, instance: Value) -> Form:
        name = self._mangled(self._context.call_name.rpartition(".")[2])
        lines = _made(instance)
        if self._context.target.qualname.endswith(".setter"):
            lines.append(f"{SUBJECT}.{name} = {call.text}")
        elif self._context.target.qualname.endswith(".deleter"):
            return Form((*lines, f"del {SUBJECT}.{name}", f"assert {SUBJECT} == {OPEN}"))
        return Form((*lines, f"assert {SUBJECT}.{name} == {OPEN}"))

    def _descriptor(self, call: Call) -> Iterator[Form]:
        """The descriptor as an attribute of a class made for it: read, set, deleted."""
        owner = self._context.owner
        if owner is None:
            return
        methods = _methods(self._context.class_skeleton)
        value = next(
            (value for item, value in reversed(call.arguments) if item.name not in ("instance", "owner")), None
        )
        for made in self._maker.instances(owner)[:4]:
            needs = combine("", [made, *([value] if value else [])])
            lines = ["class Owner:", f"    attribute = {made.text}", "", f"{SUBJECT} = Owner()"]
            read = f"assert {SUBJECT}.attribute == {OPEN}"
            if "__set__" in methods:
                yield Form((*lines, f"{SUBJECT}.attribute = {value.text if value else 3}", read), needs=needs)
            if self._name == "__delete__":
                yield Form((*lines, f"del {SUBJECT}.attribute", read), needs=needs)
            elif self._name != "__set__":
                yield Form((*lines, read, f"assert Owner.attribute == {OPEN}"), needs=needs, label="unset")

    # ----- with

    def _entering(self, instance: Value) -> Form:
        lines = _made(instance)
        if self._name == "__aenter__":
            lines += ["async def entered():", f"    async with {SUBJECT} as value:", "        return value", ""]
            lines.append(f"assert asyncio.run(entered()) == {OPEN}")
            return Form((*lines, f"assert {SUBJECT} == {OPEN}"), frozenset({"asyncio"}))
        lines += [f"with {SUBJECT} as entered:", f"    assert entered == {OPEN}", *self._printed()]
        return Form((*lines, f"assert {SUBJECT} == {OPEN}"))

    def _leaving(self, instance: Value) -> Iterator[Form]:
        """What leaving does after success and after errors, those first that the code names."""
        named = [name for name in _exceptions_in(self._context.source) if name not in ("BaseException",)]
        for error in ("", *dict.fromkeys([*named, "ValueError"])):
            arguments = f"{error}, {error}('inside'), None" if error else "None, None, None"
            lines = _made(instance)
            if self._name == "__aexit__":
                lines += ["async def left():", f"    await {SUBJECT}.__aenter__()"]
                lines += [f"    return await {SUBJECT}.__aexit__({arguments})", ""]
                lines.append(f"assert asyncio.run(left()) == {OPEN}")
                yield Form(
                    (*lines, f"assert {SUBJECT} == {OPEN}"), frozenset({"asyncio"}), label=f"after_{error.lower()}"
                )
                continue
            lines += [f"{SUBJECT}.__enter__()", f"assert {SUBJECT}.__exit__({arguments}) == {OPEN}", *self._printed()]
            yield Form((*lines, f"assert {SUBJECT} == {OPEN}"), label=f"after_{error.lower()}" if error else "")

    # ----- what comes back

    def _calling_back(self, call: Call, instance: Value | None) -> Iterator[Form]:
        """Call what comes back, twice: it may remember."""
        assert self._returned is not None
        made = [*_made(instance), f"made = {self._expression(call.text)}"]
        for first, second in zip(self._inner, [*self._inner[1:], self._inner[0]], strict=True):
            wrap = "asyncio.run({})" if _innermost(self._returned).is_async else "{}"
            looks = [f"assert {wrap.format(f'made({inner.text})')} == {OPEN}" for inner in (first, second)]
            between = ["made = made()"] if self._returned.inner is not None else []
            modules = frozenset({"asyncio"}) if "asyncio" in wrap else frozenset[str]()
            yield Form((*made, *between, *looks), modules, combine("", [first.needs, second.needs]))

    def _decorating(self, call: Call) -> Iterator[Form]:
        """Decorate a function made for it, and call the result twice."""
        assert self._returned is not None
        errors = (
            _exceptions_in(self._context.source) if self._habits.catches or "except" in self._context.source else ()
        )
        choices = (
            stand_ins(tuple(errors))
            if errors or "except" in self._context.source
            else itertools.islice(stand_ins(()), 1)
        )
        for label, function in choices:
            if self._returned.inner is not None:
                head = f"{SUBJECT} = {self._context.call_name}({call.text})(function)"
            else:
                kept = [value.text for item, value in call.arguments if item.kind not in VARIADIC][1:]
                head = f"{SUBJECT} = {self._context.call_name}({', '.join(['function', *kept])})"
            wrap = "asyncio.run({})" if _innermost(self._returned).is_async else "{}"
            looks = [f"assert {wrap.format(f'{SUBJECT}({value})')} == {OPEN}" for value in (5, 5)]
            wanted = function
            if _innermost(self._returned).is_async:
                wanted = Value(
                    "function",
                    setup=tuple(text.replace("def function", "async def function") for text in function.setup),
                )
            modules = frozenset({"asyncio"}) if "asyncio" in wrap else frozenset[str]()
            yield Form((head, *looks, f"assert calls == {OPEN}"), modules, wanted, label)


def _innermost(returned: Returned) -> Returned:
    while returned.inner is not None:
        returned = returned.inner
    return returned


def _named(call: Call, habits: Habits) -> tuple[list[tuple[str, str]], str]:
    """Arguments that the target may change get a name, so that the test can look at what became of them."""
    named: list[tuple[str, str]] = []
    texts: list[str] = []
    silent = not habits.returns and not habits.yields and not habits.manages
    for parameter, value in call.arguments:
        mutable = value.text.startswith(("[", "{"))
        if parameter.kind not in VARIADIC and ((mutable and silent) or parameter.name in habits.changes):
            named.append((parameter.name, value.text))
            texts.append(Call(((parameter, Value(parameter.name)),)).text)
        else:
            texts.append(Call(((parameter, value),)).text)
    return named, ", ".join(texts)


def _made(instance: Value | None) -> list[str]:
    """The statement that makes the instance, unless its setup did."""
    return [] if instance is None or instance.text == SUBJECT else [f"{SUBJECT} = {instance.text}"]


def _methods(skeleton: str) -> set[str]:
    try:
        nodes = ast.walk(ast.parse(skeleton))
    except SyntaxError:
        return set()
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


def _exceptions_in(source: str) -> list[str]:
    """Exceptions of the language that a source names."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return []
    names = (node.id for node in nodes if isinstance(node, ast.Name))
    return list(
        dict.fromkeys(name for name in names if name.endswith(("Error", "Exception")) and hasattr(builtins, name))
    )
