"""What a docstring says of parameters, held against the signature: no call is needed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from augment.analysis import ParameterKind, TargetContext
from augment.generation.stated.claims import Claims
from augment.generation.stated.written import Doubt
from augment.records import FindingKind


def signature_doubts(context: TargetContext, claims: Claims) -> Iterator[Doubt]:
    """What needs no call: documented defaults and parameters against the signature."""
    by_name = {item.name: item for item in context.parameters}
    for claim in claims.defaults:
        written = by_name[claim.parameter].default
        actual = _literal(written) if written is not None else None
        # None, or a name, often stands for a default that is worked out inside.
        if actual is None or actual[0] is None or _same_default(actual[0], claim.value):
            continue
        yield _parameter_doubt(
            context,
            "documented default",
            claim.sentence,
            f"{claim.parameter} of {context.target.id} defaults to {written}, where {claim.value!r} is documented",
            f".default == {claim.value!r}",
            claim.parameter,
            0.8,
        )
    takes_any = any(item.kind is ParameterKind.VAR_KEYWORD for item in context.parameters)
    missing = [] if takes_any else [name for name in claims.documented if name not in by_name]
    for name in missing:
        if name.isidentifier() and name not in ("self", "cls", "args", "kwargs"):
            said = f"{context.target.id} documents a parameter {name} that it does not take"
            yield _parameter_doubt(context, "documented parameter", name, said, "", name, 0.4)


def _parameter_doubt(
    context: TargetContext, rule: str, rests_on: str, said: str, check: str, name: str, confidence: float
) -> Doubt:
    parameters = f"inspect.signature({context.call_name}).parameters"
    line = f"assert {parameters}[{name!r}]{check}" if check else f"assert {name!r} in {parameters}"
    return Doubt(
        FindingKind.DOCUMENTATION,
        rule,
        rests_on,
        said,
        "The docstring was held against the signature; nothing had to be called.",
        confidence,
        (line,),
        ("import inspect", context.import_line),
    )


def _same_default(actual: object, documented: object) -> bool:
    if isinstance(actual, str) and isinstance(documented, str):
        return re.sub(r"[\W_]", "", actual).lower() == re.sub(r"[\W_]", "", documented).lower()
    return actual == documented or str(actual) == str(documented)


def _literal(text: str) -> tuple[object] | None:
    try:
        return (ast.literal_eval(text),)
    except (ValueError, SyntaxError):
        return None
