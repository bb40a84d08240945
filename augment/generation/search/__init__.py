"""The generator that needs no model."""

from augment.generation.search.generator import SearchGenerator

__all__ = ["SearchGenerator"]
