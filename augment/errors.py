"""Errors whose message is meant for a person."""

from __future__ import annotations


class AugmentError(Exception):
    """Something the user can mend: bad input, a missing tool, a full disk.

    The message is one line that names the thing at fault and the way out. The command line prints it
    without a traceback and exits with ``exit_code``.
    """

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class SettingsError(AugmentError):
    """An unknown key or a wrong value in a flag, a variable or a file."""


class ProjectError(AugmentError):
    """The project under test cannot be used as it stands."""


class ModelError(AugmentError):
    """A model cannot be found, fetched, verified or loaded."""


class ClusterError(AugmentError):
    """Ray cannot be reached or started."""


class SandboxError(AugmentError):
    """Code that nobody vouches for cannot be confined on this machine."""
