# ruff: noqa: PLW1510 - as people write them
"""Functions that run other programs."""

import subprocess


def branch(folder: str) -> str:
    """The branch that is checked out."""
    done = subprocess.run(["git", "-C", folder, "branch", "--show-current"], capture_output=True, text=True)
    if done.returncode != 0:
        return "unknown"
    return done.stdout.strip() or "detached"


def packages(python: str = "python") -> list[str]:
    """What is installed."""
    listed = subprocess.check_output([python, "-m", "pip", "list"])
    return sorted(line.split()[0] for line in listed.decode().splitlines() if line.strip())
