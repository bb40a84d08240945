"""Running tests in the project's own interpreter, and saying what happened: verdicts, coverage, faults."""

from augment.execution.interpreter import InterpreterInfo, find_interpreter, probe_interpreter
from augment.execution.local import LocalExecutor
from augment.execution.overlay import download_overlay, ensure_overlay
from augment.execution.split import split_batch
from augment.execution.suite import SuiteHistory, share_out

__all__ = [
    "InterpreterInfo",
    "LocalExecutor",
    "SuiteHistory",
    "download_overlay",
    "ensure_overlay",
    "find_interpreter",
    "probe_interpreter",
    "share_out",
    "split_batch",
]
