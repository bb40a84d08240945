"""Mutants: what they are, and running tests against them."""

from augment.execution.mutation.audit import Score, audit_mutants, plan_orders
from augment.execution.mutation.mutants import apply_mutant, mutant_of, mutants_of, sample_mutants
from augment.execution.mutation.operators import OPERATORS, Operator

__all__ = [
    "OPERATORS",
    "Operator",
    "Score",
    "apply_mutant",
    "audit_mutants",
    "mutant_of",
    "mutants_of",
    "plan_orders",
    "sample_mutants",
]
