"""Generators of tests, the gates that judge what they propose, and the writing of what is kept."""

from augment.generation.generator import Generator as Generator

__all__ = ["Generator"]
