# ruff: noqa: PTH123 - as people write them
"""Functions that read and write files."""

import json
from pathlib import Path

SETTINGS = Path("settings.json")


def counted(path: Path) -> int:
    """How many lines of a file have something in them."""
    if not path.exists():
        return -1
    return sum(1 for line in path.read_text().splitlines() if line.strip())


def saved(path: str, names: list[str]) -> int:
    """Write names into a file, one a line."""
    with open(path, "w") as file:
        for name in sorted(set(names)):
            file.write(name + "\n")
    return len(set(names))


def remember(key: str, value: int) -> dict[str, int]:
    """Change a setting in the settings of this folder."""
    settings = json.loads(SETTINGS.read_text()) if SETTINGS.exists() else {}
    settings[key] = value
    SETTINGS.write_text(json.dumps(settings))
    return settings
