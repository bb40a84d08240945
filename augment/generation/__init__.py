"""Generators of tests, the gates that judge what they propose, and the writing of what is kept."""

from augment.generation.accounts import PassResult
from augment.generation.gates import GATES
from augment.generation.generator import Generator
from augment.generation.null_sink import NullSink
from augment.generation.passes import GenerationPass, Progress, measure_baseline
from augment.generation.settings import GenerationSettings
from augment.generation.undoing import EditedError, put_back, take_out
from augment.generation.write import apply_admission

__all__ = [
    "GATES",
    "EditedError",
    "GenerationPass",
    "GenerationSettings",
    "Generator",
    "NullSink",
    "PassResult",
    "Progress",
    "apply_admission",
    "measure_baseline",
    "put_back",
    "take_out",
]
