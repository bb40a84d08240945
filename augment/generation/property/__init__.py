"""Property tests without a model: rules that read names, types and docstrings, and Hypothesis to falsify them."""

from augment.generation.property.generator import PropertyGenerator

__all__ = ["PropertyGenerator"]
