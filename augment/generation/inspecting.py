"""Inspection: calls made on purpose where something is stated, to see whether the code keeps to it."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from augment.generation.disagreements import Stated
from augment.generation.doubts import Doubts, no_longer_standing
from augment.generation.findings import finding_of_example
from augment.generation.ledger import Ledger
from augment.generation.mending import mend, open_pending
from augment.generation.search import SearchGenerator
from augment.generation.seen_calls import observed_in
from augment.generation.stated.conditions import Condition
from augment.generation.stated.types import Seen
from augment.generation.trials import BatchTrial, TrialRunner, Variation
from augment.records import Candidate, Finding, FindingState

if TYPE_CHECKING:
    from augment.analysis import Parameter, TargetContext

AT_ONCE = 64
USUAL_CALLS = 8
"""Calls of a target that are made beside those that its conditions ask for."""
_POOL: tuple[Any, ...] = (
    1, 3, "a", "hello", 1.5, [3, 1, 2], ["b", "a"], {"a": 1}, True, (1, 2), 0, -1, "", [], {}, (), 2, -5, 10, 101,
    0.5, -0.5, "  ", None, {1, 2}, b"a", [1.5, 0.5], {"a": "b"},
)  # fmt: skip
"""Literals to meet a condition with, the plainest first."""
_ANYTHING = re.compile(r"(?:\w+\.)?(?:Any|object|_?[A-Z]\d?)")
"""Annotations that take any value: type variables are mostly one letter."""
_COMBINED = 600


class Inspection:
    """Calls targets where something is stated of them and holds what comes of it against that."""

    def __init__(self, runner: TrialRunner, doubts: Doubts, ledger: Ledger, seed: int) -> None:
        self._runner = runner
        self._doubts = doubts
        self._ledger = ledger
        self._seed = seed

    def inspect(self, contexts: Sequence[TargetContext], is_over: Callable[[], bool]) -> list[Finding]:
        """The findings about some targets. ``is_over`` is asked after each batch."""
        found: list[Finding] = []
        by_id = {context.target.id: context for context in contexts}
        probes = (probe for context in contexts for probe in self._probes(context))
        # What stands in a signature needs no call.
        found += self._doubts.consider((context, (), "") for context in contexts).findings
        while (batch := list(itertools.islice(probes, AT_ONCE))) and not self._runner.superseded:
            found += self._tried(batch, by_id)
            if is_over():
                break
        return found

    def mended(self, known: Sequence[Finding], contexts: Mapping[str, TargetContext]) -> list[Finding]:
        """Those of the findings about these targets that stand no more: their reproduction passes now."""
        standing = (FindingState.OPEN, FindingState.BUG)
        again = [item for item in known if item.state in standing and item.target in contexts]
        return no_longer_standing(again, self._runner)

    def _probes(self, context: TargetContext) -> Iterator[Candidate]:
        stated = self._doubts.read(context)
        if not stated.says_anything and not context.doctests:
            return
        asked = calls_for(stated)
        usual = USUAL_CALLS if stated.says_anything else 0
        told = replace(context, example_calls=(*asked, *context.example_calls))
        limit = len(context.doctests) + len(asked) + usual
        yield from SearchGenerator().propose(told, self._seed, limit)

    def _tried(self, batch: Sequence[Candidate], contexts: Mapping[str, TargetContext]) -> list[Finding]:
        examples = [item for item in batch if item.origin == "doctest"]
        opened = {item.id: pending for item in batch if item not in examples and (pending := open_pending(item))}
        # Apart, so that a call that was made up and never ends costs no example its verdict.
        shown, result = self._runner.run_several(
            [(examples, Variation()), ([pending.probe for pending in opened.values()], Variation())]
        )
        seen = [
            (contexts[pending.candidate.target], observed_in(pending.prepared, pending.probe.source, trial), name)
            for name, pending in opened.items()
            if (trial := result.trials.get(name)) and trial.fault is None and not trial.collection_error
        ]
        return [*self._doubts.consider(seen).findings, *self._examples(examples, shown)]

    def _examples(self, examples: Sequence[Candidate], result: BatchTrial) -> list[Finding]:
        """Documented examples that do not hold, and give something else each time."""
        failed = [
            pending
            for item in examples
            if (trial := result.trials.get(item.id)) and trial.outcomes and not trial.passed and trial.fault is None
            and (pending := open_pending(item, trial)) is not None
        ]  # fmt: skip
        return self._doubts.report(
            finding_of_example(item.pending.candidate, item.candidate.source, item.pending.original.error)
            for item in mend(failed, self._runner, self._ledger)
            if item.candidate is not None
        )


# --------------------------------------------------------------------------- calls that meet a condition


def calls_for(stated: Stated) -> tuple[str, ...]:
    """A call with literals for every condition of the documentation, which meets it; and one that does not, where the
    documentation says something of that too.
    """
    found: list[str] = []
    for claim in stated.claims.raises:
        found += _call_where(stated, claim.condition, wanted=True)
    for returned in stated.claims.returns:
        found += _call_where(stated, returned.condition, wanted=True)
        found += _call_where(stated, returned.condition, wanted=False) if returned.only else []
    return tuple(dict.fromkeys(found))


def _call_where(stated: Stated, condition: Condition, wanted: bool) -> list[str]:
    parameters = stated.context.parameters
    usual = {item.name: _usual(stated, item) for item in parameters if item.required}
    if any(value is None for value in usual.values()):
        return []
    defaults = {item.name: value for item in parameters if (value := _default(item)) is not None}
    plain = {name: value[0] for name, value in {**defaults, **usual}.items() if value is not None}
    subjects = sorted({*condition.subjects, *_mentioned(condition, plain)} & {item.name for item in parameters})
    choices = itertools.product(*([*_fitting(stated, name)] for name in subjects))
    for chosen in itertools.islice(choices, _COMBINED):
        arguments = plain | dict(zip(subjects, chosen, strict=True))
        if condition.holds(arguments) is wanted:
            passed = [item for item in parameters if item.required or item.name in subjects]
            return [_written(stated, passed, arguments)]
    return []


def _mentioned(condition: Condition, plain: Mapping[str, Any]) -> set[str]:
    """The other parameters that a condition compares with."""
    words = set(condition.text.replace(",", " ").split())
    return {name for name in plain if name in words}


def _fitting(stated: Stated, name: str) -> list[Any]:
    """Values for a parameter: those of its type first; others only where none is known to be of it."""
    spec = stated.annotations.spec(stated.type_of(name))
    fits = [value for value in _POOL if spec.fits(Seen.of(value)) is True]
    others = [value for value in _POOL if spec.fits(Seen.of(value)) is not True]
    return [*fits, *others]


def _usual(stated: Stated, parameter: Parameter) -> tuple[Any] | None:
    """An ordinary value of a required parameter; None where no literal will do."""
    annotation = stated.type_of(parameter.name)
    values = _fitting(stated, parameter.name)
    spec = stated.annotations.spec(annotation)
    if not annotation or _ANYTHING.fullmatch(annotation) or spec.fits(Seen.of(values[0])) is True:
        return (values[0],)
    return None


def _default(parameter: Parameter) -> tuple[Any] | None:
    try:
        return (ast.literal_eval(parameter.default),) if parameter.default is not None else None
    except (ValueError, SyntaxError):
        return None


def _written(stated: Stated, passed: Sequence[Parameter], arguments: Mapping[str, Any]) -> str:
    name = stated.context.call_name.rpartition(".")[2]
    words = [
        repr(arguments[item.name])
        if item.required and item.kind != "keyword_only"
        else f"{item.name}={arguments[item.name]!r}"
        for item in passed
    ]
    return f"{name}({', '.join(words)})"
