"""The generator that tests flows over several modules; it needs no model."""

from augment.generation.integration.generator import IntegrationGenerator

__all__ = ["IntegrationGenerator"]
