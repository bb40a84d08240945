"""Prompt variants, each a class, so that leaving one out is a switch.

They are made for a model of 1.5 billion parameters: short, the code first, one plain order last. Everything up to the
order is the same for all variants of a target, so an engine with prefix caching reads it once. Such a model guesses
expected values badly and inputs well, so variety of inputs is what the orders ask for.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from augment.generation.scenarios import CALLS
from augment.records import TestKind
from augment.seams import Message

if TYPE_CHECKING:
    from augment.analysis import TargetContext

SYSTEM = "You write short pytest tests. Reply with one Python code block of test functions and nothing else."
SCENARIO_SYSTEM = "You choose inputs that test Python code well. Reply with JSON and nothing else."
STOPS = ("# module ", "\nif __name__")
"""A reply that copies the prompt's code is of no use: 6 of 8 first replies did, before the order ended as it does."""
_ONLY_TESTS = (
    "Everything above is imported already: write no imports, no comments, no docstrings, and never the code above "
    "again. Your reply begins with:"
)
UNCOVERED_MARK = "  # not covered yet"


class PromptVariant(Protocol):
    """One way of asking for tests."""

    @property
    def name(self) -> str:
        """Name and version, such as ``unit/1``: it is kept with every test that came of it."""

    @property
    def kind(self) -> TestKind:
        """The type of test asked for."""

    def order(self, context: TargetContext, sample: int) -> str:
        """The order that ends the prompt; ``sample`` varies it where several replies are wanted."""


@dataclass(frozen=True, slots=True)
class UnitPrompt:
    """Several small tests of the target alone."""

    name: str = "unit/2"
    kind: TestKind = TestKind.UNIT

    _FOCUS = (
        "ordinary inputs, and each branch of the code",
        "edge cases: empty, zero, negative, very large, unusual characters, wrong types that raise",
        "the lines marked as not covered yet: choose inputs that reach them",
    )

    def order(self, context: TargetContext, sample: int) -> str:
        """Ask for six short functions with different inputs."""
        focus = self._FOCUS[sample % len(self._FOCUS)]
        if context.uncovered_lines and sample == 0:
            focus += "; reach the lines marked as not covered yet"
        return (
            f"Write 6 short pytest functions for `{context.call_name}`. Use different inputs in each: {focus}. "
            "Each function calls it and asserts the exact result, or uses pytest.raises."
        )


@dataclass(frozen=True, slots=True)
class IntegrationPrompt:
    """Scenarios in which the target works together with its neighbours."""

    name: str = "integration/2"
    kind: TestKind = TestKind.INTEGRATION

    def order(self, context: TargetContext, sample: int) -> str:
        """Ask for scenarios of several steps."""
        return (
            f"Write 4 pytest functions that use `{context.call_name}` together with the other code shown above, "
            "in realistic steps, and assert the state or result after the steps. Do not mock."
        )


@dataclass(frozen=True, slots=True)
class PropertyPrompt:
    """Properties for Hypothesis to falsify."""

    name: str = "property/2"
    kind: TestKind = TestKind.PROPERTY

    def order(self, context: TargetContext, sample: int) -> str:
        """Ask for properties that hold for every input."""
        return (
            f"Write 3 property-based tests for `{context.call_name}` with Hypothesis (`given`, `st`). "
            "Assert what holds for every input: round trips, invariants, idempotence, bounds of "
            "the result. Do not repeat the implementation."
        )


@dataclass(frozen=True, slots=True)
class ScenarioPrompt:
    """Calls alone, in JSON: their results are observed, so no token is spent on values that would be wrong."""

    name: str = "scenario/1"
    kind: TestKind = TestKind.UNIT

    _FOCUS = (
        "ordinary inputs of realistic size, every branch of the code, edge cases, invalid inputs that raise",
        "unusual inputs: empty, nested, very long, repeated parts, mixed case, special characters, limits of ranges",
        "inputs that combine several features of the code at once",
    )

    def order(self, context: TargetContext, sample: int) -> str:
        """Ask for ten calls; where mutants survive, for calls that would tell them."""
        return (
            f"List {CALLS} different calls of `{context.call_name}` that test it well: "
            f"{self._FOCUS[sample % len(self._FOCUS)]}. Each is one line of Python with literal arguments; "
            "steps before it on the same line end with `;`."
        )


@dataclass(frozen=True, slots=True)
class Gaps:
    """What is left to be tested in a target: lines that nothing reaches, diffs of mutants that nothing notices."""

    lines: tuple[str, ...] = ()
    survivors: tuple[str, ...] = ()


VARIANTS: dict[TestKind, PromptVariant] = {
    TestKind.UNIT: UnitPrompt(),
    TestKind.INTEGRATION: IntegrationPrompt(),
    TestKind.PROPERTY: PropertyPrompt(),
}


@dataclass(frozen=True, slots=True)
class RepairPrompt:
    """Show the model its failing test and the error, once."""

    name: str = "repair/1"

    def messages(self, context: TargetContext, source: str, error: str, limit_chars: int) -> tuple[Message, ...]:
        """The chat that asks for ``source`` to be mended, given the ``error`` that pytest showed."""
        prefix = shared_prefix(context, limit_chars)
        order = (
            f"This test fails:\n```python\n{source.strip()}\n```\nError:\n{error.strip()[-500:]}\n\n"
            "Write the corrected test. Keep it short."
        )
        return (Message("system", SYSTEM), Message("user", f"{prefix}\n\n{order}"))


def build_messages(
    context: TargetContext, variant: PromptVariant, sample: int, limit_chars: int, gaps: Gaps | None = None
) -> tuple[Message, ...]:
    """The chat that asks for tests of ``context.target``, within about ``limit_chars`` characters.

    ``gaps`` are shown where calls are asked for.
    """
    if isinstance(variant, ScenarioPrompt):
        prefix = shared_prefix(context, limit_chars, style=False)
        order = " ".join([variant.order(context, sample), *_advice(context)])
        order += _gaps_section(gaps or Gaps()) + '\nReply in JSON: {"calls": ["...", ...]}'
        return (Message("system", SCENARIO_SYSTEM), Message("user", f"{prefix}\n\n{order}"))
    prefix = shared_prefix(context, limit_chars)
    order = " ".join([variant.order(context, sample), *_advice(context), _ONLY_TESTS])
    return (Message("system", SYSTEM), Message("user", f"{prefix}\n\n{order}\n```python\n{_opening(context, variant)}"))


def _gaps_section(gaps: Gaps) -> str:
    parts = []
    if gaps.lines:
        parts.append("No test reaches these lines yet:\n```python\n" + "\n".join(gaps.lines) + "\n```")
    if gaps.survivors:
        diffs = "\n".join(gaps.survivors)
        parts.append(
            f"No test notices yet if the code is changed like this:\n```diff\n{diffs}\n```\n"
            "Choose calls that give something else after one of these changes."
        )
    return "".join(f"\n{part}" for part in parts)


def _opening(context: TargetContext, variant: PromptVariant) -> str:
    """The first words of the reply, which keep a small model from repeating the prompt."""
    name = context.call_name.replace(".", "_").strip("_").lower()
    return "@given(" if variant.kind is TestKind.PROPERTY else f"def test_{name}_"


def shared_prefix(context: TargetContext, limit_chars: int, *, style: bool = True) -> str:
    """Everything the model is shown before the order, the most useful parts first, cut to ``limit_chars``.

    ``style`` is an existing test, which stands last: calls alone have no style.
    """
    sections = [_code_section(context, limit_chars // 2), _callee_section(context), _caller_section(context)]
    sections = [part for part in (*sections, _style_section(context) if style else "") if part]
    kept: list[str] = []
    room = limit_chars
    for section in sections:
        if len(section) > room and kept:
            continue
        kept.append(section[:room])
        room -= len(section)
    return "\n\n".join(kept)


def marked_source(context: TargetContext) -> str:
    """The target's source with the lines that no test covers marked."""
    uncovered = set(context.uncovered_lines)
    lines = context.source.splitlines()
    if len(uncovered) >= len(lines) - 1:
        return context.source  # marking every line says nothing and costs tokens
    first = context.target.lineno
    return "\n".join(line + UNCOVERED_MARK if first + i in uncovered else line for i, line in enumerate(lines))


def _code_section(context: TargetContext, room: int) -> str:
    source = marked_source(context)
    if len(source) > room:
        source = source[:room].rsplit("\n", 1)[0] + "\n    ..."
    parts = [f"# module {context.target.module}", *context.imports]
    if context.class_skeleton and context.class_skeleton.strip() not in source:
        parts.append(context.class_skeleton.strip())
        source = textwrap.indent(source.strip(), "    ")
    parts += [source.rstrip(), f"# import it in the tests with:\n{context.import_line}"]
    return "```python\n" + "\n".join(parts) + "\n```"


def _callee_section(context: TargetContext) -> str:
    lines = [f"- {callee.signature}: {' '.join(callee.doc.split())[:160]}" for callee in context.callees[:8]]
    return "It calls:\n" + "\n".join(lines) if lines else ""


def _caller_section(context: TargetContext) -> str:
    excerpts = [excerpt.strip()[:400] for excerpt in context.callers[:2]]
    return "It is used like this:\n```python\n" + "\n\n".join(excerpts) + "\n```" if excerpts else ""


def _style_section(context: TargetContext) -> str:
    style = context.test_style.strip()
    return f"Follow the style of this existing test:\n```python\n{style[:600]}\n```" if style else ""


def _advice(context: TargetContext) -> list[str]:
    advice = []
    if context.is_async:
        advice.append("It is async: call it with asyncio.run(...) inside a plain function.")
    if context.abstract_methods and context.concrete_subclasses:
        names = ", ".join(name.replace(":", ".") for name in context.concrete_subclasses[:3])
        advice.append(f"The class is abstract: test it through {names}.")
    elif context.abstract_methods:
        methods = ", ".join(context.abstract_methods[:6])
        advice.append(f"The class is abstract: define a minimal subclass in the test that implements {methods}.")
    if context.raises:
        advice.append(f"It can raise {', '.join(name.rsplit('.', 1)[-1] for name in context.raises[:5])}.")
    return advice


@dataclass(frozen=True, slots=True)
class PromptTask:
    """One prompt to send: which target, which variant, which sample of it, and the gaps that it shows."""

    context: TargetContext
    variant: PromptVariant
    sample: int
    gaps: Gaps = Gaps()


def plan_prompts(
    contexts: Sequence[TargetContext], kinds: Sequence[TestKind], samples: int, scenarios: bool = True
) -> list[PromptTask]:
    """Which prompts to send, in order: scenarios and one unit prompt a target first, then the other kinds, then more
    samples.

    Within a round the order of ``contexts`` stands, so the least covered target is asked about first; private ones
    come last, for a small model cannot reach them by their names, and tests of the public ones do.
    """
    ordered = sorted(contexts, key=lambda context: _is_private(context.target.qualname))
    by_kind = {kind: VARIANTS[kind] for kind in kinds}
    variants = [*([ScenarioPrompt()] if scenarios and TestKind.UNIT in kinds else []), *by_kind.values()]
    return [
        PromptTask(context, variant, sample)
        for sample in range(samples)
        for variant in variants
        for context in ordered
        if _fits(variant.kind, context)
    ]


def _is_private(qualname: str) -> bool:
    parts = qualname.split(".")
    return any(part.startswith("_") and not part.endswith("__") for part in parts)


def _fits(kind: TestKind, context: TargetContext) -> bool:
    """Integration needs neighbours; a property needs parameters to vary."""
    if kind is TestKind.INTEGRATION:
        return bool(context.callees or context.class_skeleton)
    if kind is TestKind.PROPERTY:
        return bool(context.parameters) and not context.is_async
    return True
