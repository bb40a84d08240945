"""Augment, for an interpreter in which it is not installed: its modules, without the packages installed beside them.

The folder that Augment is installed in holds packages for Augment's own interpreter; on the path of another they would
come before that one's own.
"""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[3])]
