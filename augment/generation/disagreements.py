"""What was seen of a target, held against what is stated of it: each clear disagreement becomes a finding.

Pure: it reads the target's source and the calls that were observed, and runs nothing. A rule speaks only where the
statement can be checked by a machine and the call was one that the statement is about; how sure that makes it is its
confidence.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from augment.analysis import ParameterKind, TargetContext
from augment.generation.stated.calls import Bound, Observed, bind
from augment.generation.stated.claims import Claims, RaisesIf, ReturnsIf, read_claims
from augment.generation.stated.conditions import Condition
from augment.generation.stated.docstrings import read_docstring
from augment.generation.stated.signature import signature_doubts
from augment.generation.stated.types import Annotations, Seen, Spec, holds_type, leaf_types, type_seen
from augment.generation.stated.written import Doubt, shown, written
from augment.records import Finding, FindingKind

__all__ = ["LEAST_CONFIDENCE", "Observed", "Stated", "disagreements", "read_stated"]

LEAST_CONFIDENCE = 0.5
"""Below it a rule is right too seldom to bother anybody with."""

_LAZY = re.compile(
    r"(?:generator|coroutine|iterator|\.map|\.filter|\.zip|\.chain|_GeneratorContextManager|Future|Task|partial"
    r"|islice|\.enumerate|\.reversed|itertools\.\w+)$"
)
_ITERATORS = re.compile(r"^(?:[\w.]+\.)?(?:Iterator|Generator)(?=\[|$)")
_PASSED_THROUGH = frozenset({"builtins.list", "builtins.tuple", "builtins.dict", "builtins.set"})


@dataclass(frozen=True, slots=True)
class Stated:
    """What is stated of one target, read once: its annotations and its docstring's claims."""

    context: TargetContext
    annotations: Annotations
    returns: str
    claims: Claims
    is_generator: bool

    @property
    def says_anything(self) -> bool:
        """Whether observing calls could show a disagreement."""
        found = self.claims
        is_typed = bool(self.returns) and self.annotations.is_clear(self.returns)
        return is_typed or bool(found.raises or found.returns or found.types or found.invariants)

    def type_of(self, name: str) -> str:
        """The type of a parameter as annotated, else as documented; '' where neither is."""
        parameter = next((item for item in self.context.parameters if item.name == name), None)
        return (parameter.annotation if parameter else "") or self.claims.parameter_types.get(name, "")


def read_stated(context: TargetContext) -> Stated:
    """Everything stated of a target that a rule knows how to check."""
    node = _definition(context.source)
    returns = ast.unparse(node.returns) if isinstance(node, _FUNCTION) and node.returns else ""
    docs = ast.get_docstring(node) if node is not None else None
    names = [item.name for item in context.parameters]
    known = {*context.module_names, *context.project_names}
    claims = read_claims(read_docstring(docs), names, known)
    is_generator = isinstance(node, _FUNCTION) and any(
        isinstance(item, ast.Yield | ast.YieldFrom) for item in _own(node)
    )
    is_setup = context.target.qualname.rpartition(".")[2] in ("__init__", "__new__", "__post_init__")
    defined = [name for name in context.module_names if hasattr(builtins, name)]
    return Stated(context, Annotations(context.imports, defined), "" if is_setup else returns, claims, is_generator)


def disagreements(
    stated: Stated, observed: Sequence[Observed], least: float = LEAST_CONFIDENCE
) -> list[tuple[Finding, Observed | None]]:
    """The findings that follow from calls of one target, each with the call that shows it (None: no call is needed).

    Of several calls that show the same disagreement all come back, the shortest first, so that a caller may take the
    first that stands up to being run.
    """
    found: list[tuple[Finding, Observed | None]] = [
        (written(stated.context, doubt, None), None)
        for doubt in signature_doubts(stated.context, stated.claims)
        if doubt.confidence >= least
    ]
    calls = [(bound, each) for each in observed if (bound := bind(stated.context, each)) is not None]
    for bound, each in sorted(calls, key=lambda pair: len(pair[1].expression) + sum(map(len, pair[1].setup))):
        doubts = (doubt for doubt in _doubts(stated, bound) if doubt.confidence >= least)
        found += [(written(stated.context, doubt, each), each) for doubt in doubts]
    return found


_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def _definition(source: str) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | None:
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return None
    return next((node for node in body if isinstance(node, _FUNCTION | ast.ClassDef)), None)


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Everything in a function that is not in a function inside it."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, _FUNCTION | ast.ClassDef | ast.Lambda):
            yield from _own(child)


# --------------------------------------------------------------------------- the rules


def _doubts(stated: Stated, bound: Bound) -> Iterator[Doubt]:
    if bound.observed.exception:
        yield from _raised_otherwise(stated, bound)
        yield from _raised_instead_of_returning(stated, bound)
        return
    if _is_lazy(bound):
        return
    yield from _did_not_raise(stated, bound)
    yield from _returned_otherwise(stated, bound)
    if not any(claim.condition.holds(bound.arguments) for claim in stated.claims.raises):
        yield from _wrong_type(stated, bound)
        yield from _broken_invariant(stated, bound)


def _is_lazy(bound: Bound) -> bool:
    """Whether what came back may raise or give its values only later."""
    return bool(_LAZY.search(bound.observed.type)) and not bound.collected


def _did_not_raise(stated: Stated, bound: Bound) -> Iterator[Doubt]:
    for claim in stated.claims.raises:
        if claim.condition.holds(bound.arguments) and not _is_excused(stated, bound, claim):
            met = _in_words(bound, claim.condition.subjects)
            yield Doubt(
                FindingKind.DOCUMENTATION,
                "documented exception",
                claim.sentence,
                f"{bound.observed.expression} returns {shown(bound.observed)}, where {claim.exception} is documented",
                f"The condition was read whole and this call meets it ({met}), yet nothing is raised.",
                0.85,
                *_raising(stated, claim, bound),
            )


def _is_excused(stated: Stated, bound: Bound, claim: RaisesIf) -> bool:
    """Whether an option that was passed, or something else that is documented, explains the call."""
    said = (other for other in stated.claims.returns if not other.only)
    return not _is_plain(stated, bound, claim.condition) or any(each.condition.holds(bound.arguments) for each in said)


def _is_plain(stated: Stated, bound: Bound, condition: Condition | None) -> bool:
    """Whether a call leaves every option at its default that the statement does not speak of.

    What is said of ``sort(items)`` is not said of ``sort(items, reverse=True)``.
    """
    spoken_of = condition.mentions if condition is not None else frozenset[str]()
    options = (item for item in stated.context.parameters if not item.required and item.name not in spoken_of)
    return all(
        item.name not in bound.texts
        or (item.name in bound.arguments and repr(bound.arguments[item.name]) == item.default)
        for item in options
    )


def _raised_otherwise(stated: Stated, bound: Bound) -> Iterator[Doubt]:
    if bound.raised in stated.claims.exceptions:
        return
    for claim in stated.claims.raises:
        if not claim.condition.holds(bound.arguments) or _is_excused(stated, bound, claim):
            continue
        if _may_be(bound.observed.exception, claim.exception) or not _others_fit(
            stated, bound, claim.condition.subjects
        ):
            continue
        yield Doubt(
            FindingKind.DOCUMENTATION,
            "documented exception",
            claim.sentence,
            f"{bound.observed.expression} raises {bound.raised}, where {claim.exception} is documented",
            "The condition was read whole, this call meets it "
            f"({_in_words(bound, claim.condition.subjects)}), and another exception is raised.",
            0.7,
            *_raising(stated, claim, bound),
        )


def _raised_instead_of_returning(stated: Stated, bound: Bound) -> Iterator[Doubt]:
    if bound.raised in stated.claims.exceptions or not bound.observed.exception.startswith("builtins."):
        return
    for claim in stated.claims.returns:
        if claim.only or not claim.condition.holds(bound.arguments) or not _is_plain(stated, bound, claim.condition):
            continue
        if any(other.condition.holds(bound.arguments) for other in stated.claims.raises):
            continue
        if _others_fit(stated, bound, claim.condition.subjects):
            yield _returning(claim, bound, f"raises {bound.raised}", 0.75)


def _returned_otherwise(stated: Stated, bound: Bound) -> Iterator[Doubt]:
    if any(other.condition.holds(bound.arguments) for other in stated.claims.raises):
        return
    meeting = [claim for claim in stated.claims.returns if claim.condition.holds(bound.arguments)]
    for claim in stated.claims.returns:
        holds = claim.condition.holds(bound.arguments) if _is_plain(stated, bound, claim.condition) else None
        seen = bound.observed.seen
        if holds and len({repr(each.value) for each in meeting}) == 1 and _differs(claim, seen):
            yield _returning(claim, bound, f"returns {shown(bound.observed)}", 0.8)
        elif holds is False and claim.only and seen.literal and seen.value is True:
            yield _returning(claim, bound, "returns True", 0.75, wanted=False)


def _differs(claim: ReturnsIf, seen: Seen) -> bool:
    """Whether a value is clearly another than the claim's. True and False are taken as truth, not as themselves."""
    if not seen.literal:
        return (
            claim.value in (None, True, False)
            and claim.value is not True
            and not claim.empty
            and type_seen(seen) is not None
        )
    if claim.empty:
        return not isinstance(seen.value, str | bytes | list | tuple | dict | set | frozenset) or len(seen.value) > 0
    if isinstance(claim.value, bool):
        return bool(seen.value) is not claim.value
    return bool(seen.value != claim.value)


def _returning(claim: ReturnsIf, bound: Bound, does: str, confidence: float, wanted: bool | None = None) -> Doubt:
    value = wanted if wanted is not None else claim.value
    expression = bound.observed.expression
    if claim.empty:
        line, words = f"assert len({expression}) == 0", "an empty value"
    elif value is None:
        line, words = f"assert {expression} is None", "None"
    elif isinstance(value, bool):
        line, words = f"assert {'' if value else 'not '}{expression}", str(value)
    else:
        line, words = f"assert {expression} == {value!r}", repr(value)
    met = _in_words(bound, claim.condition.subjects)
    return Doubt(
        FindingKind.DOCUMENTATION,
        "documented return value",
        claim.sentence,
        f"{expression} {does}, where {words} is documented",
        f"The condition was read whole and this call {'does not meet' if wanted is False else 'meets'} it ({met}).",
        confidence,
        (line,),
    )


def _wrong_type(stated: Stated, bound: Bound) -> Iterator[Doubt]:
    seen = bound.observed.seen
    if stated.returns and stated.annotations.is_clear(stated.returns):
        # The items of an iterator were looked at: as a list they are iterable, and each is of the type that is stated.
        returns = _ITERATORS.sub("collections.abc.Iterable", stated.returns) if bound.collected else stated.returns
        spec = stated.annotations.spec(returns)
        if _clashes(stated, bound, spec, seen):
            yield _typed(bound, spec, FindingKind.ANNOTATION, f"-> {stated.returns}", stated.returns, 0.85)
        return
    for claim in stated.claims.types:
        spec = stated.annotations.spec(claim.annotation)
        none_is_said = seen.type == "builtins.NoneType" and stated.claims.says_none
        if stated.is_generator or none_is_said or not _clashes(stated, bound, spec, seen):
            continue
        if claim.loose and not _is_far(claim.annotation, seen):
            continue
        confidence = 0.6 if claim.loose else 0.75
        yield _typed(bound, spec, FindingKind.DOCUMENTATION, claim.sentence, claim.annotation, confidence)


def _clashes(stated: Stated, bound: Bound, spec: Spec, seen: Seen) -> bool:
    if bound.collected and not isinstance(seen.value, list):
        return False
    return spec.fits(seen) is False and _arguments_explain_nothing(stated, bound, seen, spec)


def _arguments_explain_nothing(stated: Stated, bound: Bound, seen: Seen, spec: Spec) -> bool:
    """Whether every argument was of its stated type, or cannot be where the odd value comes from.

    A function that is given what it does not take owes nobody the type that it promised.
    """
    odd = leaf_types(seen)
    if spec.fits(Seen(seen.type)) is not False:  # the container is right, something inside it is not
        odd -= _PASSED_THROUGH
    for parameter in stated.context.parameters:
        name = parameter.name
        if name not in bound.texts:
            continue
        if name not in bound.arguments:
            if not _is_instance_of(bound.texts[name], parameter.annotation):
                return False
            continue
        fits = _fits(stated, name, bound)
        if fits is False or (fits is None and holds_type(bound.arguments[name], odd)):
            return False
    return not _is_made_oddly(stated, bound, odd)


def _is_made_oddly(stated: Stated, bound: Bound, odd: set[str]) -> bool:
    owner = stated.context.owner
    kinds = {item.name: item.annotation for item in owner.parameters} if owner is not None else {}
    for name, value in bound.made_with.items():
        fits = stated.annotations.spec(kinds.get(name, "")).fits(Seen.of(value))
        if fits is False or (fits is None and holds_type(value, odd)):
            return True
    return False


def _fits(stated: Stated, name: str, bound: Bound) -> bool | None:
    """Whether an argument is of the type that is annotated, or documented where nothing is annotated."""
    parameter = next((item for item in stated.context.parameters if item.name == name), None)
    stated_type = stated.type_of(name)
    if parameter is not None and parameter.kind in (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD):
        return None
    if name not in bound.arguments:
        return None
    value = bound.arguments[name]
    if not stated_type and parameter is not None and parameter.default is not None:
        return True if repr(value) == parameter.default else None
    return stated.annotations.spec(stated_type).fits(Seen.of(value)) if stated_type else None


def _others_fit(stated: Stated, bound: Bound, subjects: frozenset[str]) -> bool:
    """Whether every argument that a condition is not about is of its stated type, or was left to its default."""
    others = [name for name in bound.texts if name not in subjects]
    return all(_fits(stated, name, bound) for name in others) and not _is_made_oddly(stated, bound, set())


def _is_instance_of(text: str, annotation: str) -> bool:
    """Whether an argument is plainly made by calling the class that its annotation names."""
    made = text.partition("(")[0].rpartition(".")[2]
    return bool(annotation) and made == annotation.strip("'\"").rpartition(".")[2]


def _is_far(annotation: str, seen: Seen) -> bool:
    """Whether a value is not even near a type that was named in prose, where a list is any sequence of things."""
    kind = type_seen(seen)
    near: dict[str, tuple[type, ...]] = {
        "list": (tuple, set, frozenset),
        "tuple": (list,),
        "int": (float,),
        "str": (bytes,),
    }
    scalars = (int, float, str, bytes, bool, type(None), list, tuple, dict)
    return kind is not None and issubclass(kind, scalars) and not issubclass(kind, near.get(annotation, ()))


def _typed(bound: Bound, spec: Spec, kind: FindingKind, rests_on: str, annotation: str, confidence: float) -> Doubt:
    seen = bound.observed.seen
    test = spec.text("result")
    modules = {name for name in ("collections.abc", "datetime", "decimal", "fractions", "pathlib", "uuid", "re")
               if re.search(rf"\b{re.escape(name)}\.[A-Z]", test)} | (
        {"datetime"} if "datetime." in test else set()
    ) | ({"collections"} if re.search(r"collections\.(?!abc)", test) else set())  # fmt: skip
    kind_seen = seen.type.removeprefix("builtins.")
    return Doubt(
        kind,
        "return type",
        rests_on,
        f"{bound.observed.expression} returns {shown(bound.observed)} ({kind_seen}), not {annotation}",
        "The arguments are of the types that are stated, so far as any are, and the value is of another than the one "
        "stated for it.",
        confidence,
        (f"result = {bound.observed.expression}", f"assert {test}"),
        tuple(f"import {name}" for name in sorted(modules)),
    )


def _broken_invariant(stated: Stated, bound: Bound) -> Iterator[Doubt]:
    seen = bound.observed.seen
    if not _is_plain(stated, bound, None):
        return
    if not seen.literal or any(_fits(stated, name, bound) is False for name in bound.texts):
        return
    for claim in stated.claims.invariants:
        if claim.holds(seen.value, bound.arguments) is False:
            texts = {name: bound.texts.get(name, name) for name in bound.arguments}
            yield Doubt(
                FindingKind.DOCUMENTATION,
                "documented result",
                claim.sentence,
                f"{bound.observed.expression} returns {shown(bound.observed)}, which is not {claim.name}",
                f"The documentation says so of every value that is returned: {claim.name}.",
                claim.confidence,
                (f"result = {bound.observed.expression}", f"assert {claim.assertion.format(value='result', **texts)}"),
            )


def _in_words(bound: Bound, names: frozenset[str]) -> str:
    return ", ".join(f"{name} is {bound.arguments[name]!r}" for name in sorted(names) if name in bound.arguments)


def _raising(stated: Stated, claim: RaisesIf, bound: Bound) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines of a test that expects a documented exception, and their imports."""
    imports = []
    if not hasattr(builtins, claim.exception):
        context = stated.context
        modules = context.project_names.get(claim.exception, ())
        module = context.target.module if claim.exception in context.module_names else modules[0]
        imports.append(f"from {module} import {claim.exception}")
    return (f"with pytest.raises({claim.exception}):", f"    {bound.observed.expression}"), tuple(imports)


def _may_be(raised: str, documented: str) -> bool:
    """Whether an exception that was raised may be of a documented class."""
    module, _, name = raised.rpartition(".")
    if name == documented:
        return True
    wanted = getattr(builtins, documented, None)
    found = getattr(builtins, name, None) if module == "builtins" else None
    if isinstance(wanted, type) and isinstance(found, type):
        return issubclass(found, wanted)
    # A builtin exception is of no class of the project; one of the project may be of any.
    return found is None
