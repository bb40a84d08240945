"""Augment: background testing for Python, on Ray, with a local Qwen model."""

__version__ = "0.1.0"
