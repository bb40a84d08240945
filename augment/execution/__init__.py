"""Running tests in the project's own interpreter, and saying what happened: verdicts, coverage, faults."""

from augment.execution.interpreter import InterpreterInfo, absent_modules, find_interpreter, probe_interpreter
from augment.execution.local import LocalExecutor
from augment.execution.mutation import (
    OPERATORS,
    Operator,
    Score,
    apply_mutant,
    audit_mutants,
    mutant_of,
    mutants_of,
    plan_orders,
    sample_mutants,
)
from augment.execution.overlay import download_overlay, ensure_overlay, overlay_gives
from augment.execution.replica import Replica
from augment.execution.sandbox import Sandbox, SandboxMode, Tier, find_sandbox, require_sandbox
from augment.execution.split import split_batch
from augment.execution.suite import SuiteHistory, share_out

__all__ = [
    "OPERATORS",
    "InterpreterInfo",
    "LocalExecutor",
    "Operator",
    "Replica",
    "Sandbox",
    "SandboxMode",
    "Score",
    "SuiteHistory",
    "Tier",
    "absent_modules",
    "apply_mutant",
    "audit_mutants",
    "download_overlay",
    "ensure_overlay",
    "find_interpreter",
    "find_sandbox",
    "mutant_of",
    "mutants_of",
    "overlay_gives",
    "plan_orders",
    "probe_interpreter",
    "require_sandbox",
    "sample_mutants",
    "share_out",
    "split_batch",
]
