"""Generators of tests, the gates that judge what they propose, and the writing of what is kept."""

from augment.generation.accounts import PassResult
from augment.generation.difference import Comparison, DifferenceGenerator
from augment.generation.findings import finding_of_property, finding_of_revision, pinning_admission
from augment.generation.following import Follower, Following
from augment.generation.gates import GATES
from augment.generation.generator import Generator
from augment.generation.null_sink import NullSink
from augment.generation.passes import GenerationPass, Progress, measure_baseline
from augment.generation.paths import output_file
from augment.generation.repinning import Fate, Repin, observe_again
from augment.generation.reruns import Rerun, rerun
from augment.generation.rewriting import Move, renames_of, rewrite
from augment.generation.settings import GenerationSettings
from augment.generation.undoing import EditedError, put_back, replace_test, take_out
from augment.generation.write import apply_admission, is_own_name, kept_because

__all__ = [
    "GATES",
    "Comparison",
    "DifferenceGenerator",
    "EditedError",
    "Fate",
    "Follower",
    "Following",
    "GenerationPass",
    "GenerationSettings",
    "Generator",
    "Move",
    "NullSink",
    "PassResult",
    "Progress",
    "Repin",
    "Rerun",
    "apply_admission",
    "finding_of_property",
    "finding_of_revision",
    "is_own_name",
    "kept_because",
    "measure_baseline",
    "observe_again",
    "output_file",
    "pinning_admission",
    "put_back",
    "renames_of",
    "replace_test",
    "rerun",
    "rewrite",
    "take_out",
]
