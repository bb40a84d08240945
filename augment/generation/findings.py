"""How findings are made, one constructor for each thing that the code may disagree with, and which are settled."""

from __future__ import annotations

import ast
import builtins
import hashlib
import re
import time
from collections.abc import Iterable

from augment.behaviour import RAISES, BehaviourChange
from augment.generation.paths import output_file
from augment.generation.syntax import render
from augment.records import Admission, AdmissionState, Candidate, Finding, FindingKind, FindingState, TestKind, new_id

EXAMPLE_CONFIDENCE = 0.8
PROPERTY_CONFIDENCE = 0.7
REVISION_CONFIDENCE = 0.5
"""Half of the changes of behaviour are what the change was for."""
_SHOWN = 600


def make_finding(
    target: str,
    kind: FindingKind,
    rule: str,
    *,
    title: str,
    detail: str,
    rests_on: str,
    observed: str,
    source: str,
    intended_source: str = "",
    confidence: float,
    claim: str = "",
) -> Finding:
    """A finding that is open. ``claim`` is what it takes the project at its word for, where ``rests_on`` says more than
    that: two findings about one target that rest on the same claim are the same finding.
    """
    key = key_of_claim(target, kind, claim or rests_on)
    return Finding(
        id=f"finding-{key.rpartition(' ')[2][:10]}",
        target=target,
        title=title,
        detail=detail.strip(),
        source=source,
        confidence=confidence,
        created_at=time.time(),
        kind=kind,
        rests_on=rests_on.strip(),
        observed=observed.strip(),
        intended_source=intended_source,
        key=key,
        rule=rule,
    )


def key_of_claim(target: str, kind: FindingKind, claim: str) -> str:
    """The identity of a disagreement: what is claimed of which target. Spacing, case and final dots do not count."""
    normal = " ".join(claim.lower().split()).rstrip(".")
    digest = hashlib.sha256(f"{target}\0{kind}\0{normal}".encode()).hexdigest()
    return f"{kind} {digest[:20]}"


def finding_of_example(candidate: Candidate, observed: str, error: str) -> Finding:
    """A documented example does not hold. ``observed`` is the test as it would have to be to pass."""
    example = statement_of(candidate.source)
    return make_finding(
        candidate.target,
        FindingKind.EXAMPLE,
        "example",
        title=f"A documented example of {candidate.target} does not hold",
        detail=f"The example was run as it stands; its result was the same each time.\n\n{error.strip()[-_SHOWN:]}",
        rests_on=example,
        observed=statement_of(observed),
        source=candidate.source,
        intended_source=observed,
        confidence=EXAMPLE_CONFIDENCE,
    )


def finding_of_property(
    target: str,
    rule: str,
    statement: str,
    *,
    counterexample: str,
    observed: str,
    source: str,
    intended_source: str = "",
    confidence: float = PROPERTY_CONFIDENCE,
) -> Finding:
    """A property that the documentation states was falsified.

    ``rule`` names the property (such as ``round trip``), ``statement`` is the sentence that states it,
    ``counterexample`` the smallest call that breaks it, ``observed`` what that gives, and ``source`` a plain test of
    that one call, which fails.
    """
    return make_finding(
        target,
        FindingKind.PROPERTY,
        rule,
        title=f"{target} breaks a property: {counterexample}",
        detail=f"Property: {rule}. The smallest counterexample that was found: {counterexample}",
        rests_on=statement,
        observed=observed,
        source=source,
        intended_source=intended_source,
        confidence=confidence,
        claim=f"{rule}: {statement}",
    )


def finding_of_revision(change: BehaviourChange) -> Finding:
    """A save changed what a call gives, and a person has something to say of it.

    Its test states what the call gave before, and the one that pins what is intended what it gives now; each is empty
    where no literal says that.
    """
    return make_finding(
        change.target,
        FindingKind.REVISION,
        f"changed behaviour of {change.subject}",  # noise is said of this call: other changes of the target are news
        title=f"This save changed behaviour: {change.sentence}",
        detail="The same call was made on the revision before the save and on the one after it "
        f"({change.previous} -> {change.revision}).",
        rests_on=f"{change.subject} was {change.before} before the save",
        observed=f"{change.subject} is {change.after}",
        source=_pin(change, change.before),
        intended_source=_pin(change, change.after),
        confidence=REVISION_CONFIDENCE,
        claim=f"{change.subject} {change.before} {change.after}",
    )


def _pin(change: BehaviourChange, outcome: str) -> str:
    """A test that states the outcome of one call; '' where it cannot be stated."""
    imports, subject = change.imports, change.subject
    if outcome.startswith(RAISES):
        name = outcome.removeprefix(RAISES).partition(":")[0]
        if not hasattr(builtins, name) and not any(line.endswith(f" import {name}") for line in imports):
            return ""
        lines, wanted = [f"with pytest.raises({name}):", f"    {subject}"], ("import pytest", *imports)
    elif not _is_literal(outcome):
        return ""
    else:
        operator = "is" if outcome in ("None", "True", "False") else "=="
        lines, wanted = [f"assert {subject} {operator} {outcome}"], imports
    text = "\n".join([*change.setup, *lines])
    used = [line for line in wanted if re.search(rf"\b{re.escape(line.split()[-1].partition('.')[0])}\b", text)]
    return module_of(used, [*change.setup, *lines], f"test_{_plain_name(change.target)}")


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def module_of(imports: Iterable[str], lines: Iterable[str], name: str, fixtures: Iterable[str] = ()) -> str:
    """The source of a module with one test."""
    body = "\n".join(f"    {part}" for line in lines for part in line.split("\n"))
    text = "\n".join([*dict.fromkeys(imports), "", "", f"def {name}({', '.join(sorted(fixtures))}):", body, ""])
    return render(ast.parse(text))


def _plain_name(target: str) -> str:
    return re.sub(r"\W+|_+", "_", target.partition(":")[2]).strip("_").lower() or "it"


def statement_of(source: str) -> str:
    """The body of a module's test, without the module around it."""
    tree = ast.parse(source)
    body = next((node.body for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)), [])
    return "\n".join(ast.unparse(statement) for statement in body)


# --------------------------------------------------------------------------- what people decided


class Settled:
    """What people have decided of findings: those that are intended, and what is like those that are noise.

    Generation reports neither, and lets tests pin the values they are about.
    """

    def __init__(self, known: Iterable[Finding] = ()) -> None:
        found = list(known)
        self._intended = {item.identity for item in found if item.state in (FindingState.INTENDED, FindingState.NOISE)}
        self._noise = {item.like for item in found if item.state is FindingState.NOISE and item.like}

    def settles(self, finding: Finding) -> bool:
        """Whether there is nothing left to say about it."""
        return finding.identity in self._intended or finding.like in self._noise


def pinning_admission(finding: Finding, output: str, now: float) -> Admission:
    """The admission, held, of the test that pins what an intended finding is about."""
    file = output_file(output, finding.target.partition(":")[0])
    return Admission(
        id=new_id("adm"),
        nodeid=f"{file}::{_test_name(finding.intended_source)}",
        file=file,
        target=finding.target,
        generator="finding",
        kind=TestKind.UNIT,
        source=finding.intended_source,
        lines_gained=0,
        branches_gained=0,
        mutants_killed=None,
        runs=1,
        reason=f"what {finding.target} does is intended, whatever is stated: {finding.id}",
        created_at=now,
        characterization=True,
        state=AdmissionState.HELD,
        origin=f"{finding.kind} {finding.rule}".strip(),
    )


def _test_name(source: str) -> str:
    tree = ast.parse(source)
    return next((node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)), "test")
