"""Leaves out of a proven test what kills nothing, so that what stays says why it is there."""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection
from dataclasses import replace

from augment.generation.mutant_book import MutantBook
from augment.generation.syntax import FunctionNode, loaded_names, render, single_test
from augment.generation.trials import Trial, TrialRunner
from augment.mutants import MutantOutcome
from augment.records import Candidate, Coverage, new_id

FEW = 2
"""So many assertions are read at a glance; tests with no more are left as they are."""
_MOST = 12


def minimised(
    candidate: Candidate,
    trial: Trial,
    kills: Collection[str],
    runner: TrialRunner,
    book: MutantBook,
    known: tuple[Coverage, Coverage],
) -> Candidate:
    """``candidate`` with only those of its assertions that kill the mutants it is kept for.

    Each assertion is tried on these mutants alone, with all calls in place. Where that tells nothing (the test kills
    nothing, or only by ending), it stays as it is.
    """
    asserts = _top_asserts(candidate.source)
    if not kills or not FEW < len(asserts) <= _MOST:
        return candidate
    singles = [
        replace(candidate, id=new_id("cand"), source=only(candidate.source, {number})) for number in range(len(asserts))
    ]
    name = trial.nodeids[0].partition("::")[2] if trial.nodeids else ""
    tried = {single: replace(trial, nodeids=(runner.nodeid(single, name),)) for single in singles}
    mutants = [mutant for mutant in book.alive() if mutant.id in kills]
    killers = {
        verdict.nodeid
        for verdict in runner.mutate(tried, mutants, *known)
        if verdict.outcome in (MutantOutcome.KILLED, MutantOutcome.TIMEOUT)
    }
    needed = {number for number, single in enumerate(singles) if tried[single].nodeids[0] in killers}
    if not needed or len(needed) == len(asserts):
        return candidate
    parents = (*candidate.parents, candidate.id)
    return replace(candidate, id=new_id("cand"), source=only(candidate.source, needed), parents=parents)


def only(source: str, numbers: Collection[int]) -> str:
    """``source`` with only these of the assertions at the top of its test; the calls of the others stay where later
    statements may rest on them.
    """
    tree = ast.parse(source)
    function = single_test(tree)
    assert function is not None
    body: list[ast.stmt] = []
    number = 0
    for statement in function.body:
        if not isinstance(statement, ast.Assert):
            body.append(statement)
            continue
        body += [statement] if number in numbers else _calls_of(statement)
        number += 1
    function.body = _without_leftovers(body)
    return render(tree)


def _top_asserts(source: str) -> list[ast.Assert]:
    function = single_test(ast.parse(source))
    return (
        [item for item in function.body if isinstance(item, ast.Assert)] if isinstance(function, FunctionNode) else []
    )


def _calls_of(statement: ast.Assert) -> list[ast.stmt]:
    """The calls with effects that may matter: methods of objects. A function's result alone is not needed."""
    tested = statement.test.left if isinstance(statement.test, ast.Compare) else statement.test
    is_method = isinstance(tested, ast.Call) and isinstance(tested.func, ast.Attribute)
    return [ast.Expr(copy.deepcopy(tested))] if is_method else []


def _without_leftovers(body: list[ast.stmt]) -> list[ast.stmt]:
    """``body`` without trailing calls and without literals assigned to names that nothing reads any more."""
    while len(body) > 1 and isinstance(body[-1], ast.Expr):
        body = body[:-1]
    used = set().union(*(loaded_names(statement) for statement in body))
    return [
        statement
        for statement in body
        if not (
            isinstance(statement, ast.Assign)
            and isinstance(statement.value, ast.Constant)
            and all(isinstance(target, ast.Name) and target.id not in used for target in statement.targets)
        )
    ]
