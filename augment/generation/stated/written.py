"""One disagreement, written up as a finding: a test that fails as it is stated, and one that passes as it is."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from augment.analysis import TargetContext
from augment.generation import values
from augment.generation.findings import make_finding, module_of
from augment.generation.stated.calls import Observed
from augment.records import Finding, FindingKind


@dataclass(frozen=True, slots=True)
class Doubt:
    """One disagreement, before it is written up. ``lines`` are the statements of the failing test."""

    kind: FindingKind
    rule: str
    rests_on: str
    said: str
    why: str
    confidence: float
    lines: tuple[str, ...]
    imports: tuple[str, ...] = ()


def written(context: TargetContext, doubt: Doubt, observed: Observed | None) -> Finding:
    """The finding that a disagreement makes; ``observed`` is the call that shows it, where one does."""
    name = re.sub(r"\W+|_+", "_", context.call_name).strip("_").lower()
    imports = [*(observed.imports if observed else ()), *doubt.imports]
    setup = list(observed.setup) if observed else []
    fixtures = observed.fixtures if observed else ()
    uses_pytest = any("pytest." in line for line in [*doubt.lines, *setup])
    source = module_of(
        [*imports, *(["import pytest"] if uses_pytest else [])],
        [*setup, *doubt.lines],
        f"test_{name}_as_stated",
        fixtures,
    )
    intended = _as_it_is(context, doubt, observed, name)
    return make_finding(
        context.target.id,
        doubt.kind,
        doubt.rule,
        title=doubt.said if len(doubt.said) <= 160 else f"{doubt.said[:157]}...",
        detail=f"{doubt.said}.\n\n{doubt.why}",
        rests_on=doubt.rests_on,
        observed=_does(observed) if observed else doubt.said,
        source=source,
        intended_source=intended,
        confidence=doubt.confidence,
        claim=f"{doubt.rule}: {doubt.rests_on}",
    )


def _as_it_is(context: TargetContext, doubt: Doubt, observed: Observed | None, name: str) -> str:
    """A test that pins what the code does; '' where nothing stable can be said."""
    test = f"test_{name}_as_it_is"
    if observed is None:
        if " == " not in doubt.lines[0]:
            return ""
        left = doubt.lines[0].partition(" == ")[0]
        parameter = next(item for item in context.parameters if repr(item.name) in left)
        return module_of(doubt.imports, [f"{left} == {parameter.default}"], test)
    if observed.exception:
        module, _, kind = observed.exception.rpartition(".")
        imports = [*observed.imports, "import pytest"]
        if module not in ("", "builtins"):
            imports.append(f"from {module} import {kind}")
        lines = [*observed.setup, f"with pytest.raises({kind}):", f"    {observed.expression}"]
        return module_of(imports, lines, test, observed.fixtures)
    seen = observed.seen
    subject = ast.parse(observed.expression, mode="eval").body
    described = values.describe(subject, values.Seen(seen.type, seen.literal, seen.value))
    if described is None:
        kind = seen.type.rpartition(".")[2]
        lines = [*observed.setup, f"assert type({observed.expression}).__name__ == {kind!r}"]
        return module_of(observed.imports, lines, test, observed.fixtures)
    lines = [*observed.setup, *(ast.unparse(ast.fix_missing_locations(item)) for item in described.statements)]
    imports = [*observed.imports, *(["import pytest"] if described.approximate else [])]
    return module_of(imports, lines, test, observed.fixtures)


def _does(observed: Observed) -> str:
    if observed.exception:
        told = f": {observed.message}" if observed.message else ""
        return f"{observed.expression} raises {observed.exception.removeprefix('builtins.')}{told}"
    return f"{observed.expression} returns {shown(observed)}"


def shown(observed: Observed) -> str:
    """A value in a few words."""
    text = observed.repr if observed.literal else f"a {observed.type.removeprefix('builtins.')}"
    return text if len(text) <= 80 else f"{text[:77]}..."
