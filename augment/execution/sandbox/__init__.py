"""Keeping code that nobody vouches for away from the rest of the machine: which tier there is, and how it is made."""

from augment.execution.sandbox.choice import Confinements
from augment.execution.sandbox.confinement import TierConfinement
from augment.execution.sandbox.place import Place
from augment.execution.sandbox.tiers import Sandbox, SandboxMode, Tier, find_sandbox, require_sandbox

__all__ = [
    "Confinements",
    "Place",
    "Sandbox",
    "SandboxMode",
    "Tier",
    "TierConfinement",
    "find_sandbox",
    "require_sandbox",
]
