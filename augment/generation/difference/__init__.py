"""Old code and new code on the same inputs: what a change to an existing function changed, and what it left alone."""

from augment.generation.difference.comparing import Comparison
from augment.generation.difference.generator import DifferenceGenerator
from augment.generation.difference.targets import changed_by

__all__ = ["Comparison", "DifferenceGenerator", "changed_by"]
