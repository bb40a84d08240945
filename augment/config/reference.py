"""The reference page and the default files, made from the definitions: ``python -m augment.config.reference``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from augment.config.describe import FieldInfo, describe_fields
from augment.config.load import as_json
from augment.config.locate import FILES, MARKER
from augment.config.model import SECTIONS
from augment.files import bring_up_to_date

_HEAD = """\
# Configuration

<!-- Made by `python -m augment.config.reference --write`; edit augment/config/model.py instead. -->

Every setting has a default, so nothing has to be configured. A value is taken from the first of these that gives one:

1. a flag of the command line (`--temperature 0.5`)
2. the environment (`AUGMENT_TEMPERATURE=0.5`; lists with commas, `null` for none)
3. the project's `pyproject.toml`, in `[tool.augment]`
4. the JSON files of the configuration folder
5. the default

`augment config show PROJECT` prints each value and where it came from. An unknown key or a wrong value is an error that
names the key, the place and what is allowed.

The configuration folder is the one given with `--config-dir`; else `AUGMENT_CONFIG_DIR`; else `config` in the working
folder, if a file in it carries the key `"augment_config": 1`; else `~/.config/augment` (`$XDG_CONFIG_HOME/augment`).
Keys that a file leaves out take their defaults.

```toml
# pyproject.toml of your project: names as below, with or without tables for the sections
[tool.augment]
test_types = ["unit", "property"]
output_dir = "tests/generated"

[tool.augment.model]
threads = 4
```

A project's own file may not set `project`, `address`, `host`, `config_dir`, `base_url`, `api_key_variable` or
`engine_python`: a project that was merely cloned must not open a port to the network, join a cluster, send code and
keys to a server, or have a program run with your rights.
"""


def markdown() -> str:
    """The reference page."""
    fields = describe_fields().values()
    parts = [_HEAD]
    for section, definition in SECTIONS.items():
        rows = [_row(info) for info in fields if info.section == section]
        summary = " ".join((definition.__doc__ or "").split()).replace("``", "`")
        parts.append(
            f"## {section}\n\n{summary}\n\n"
            "| setting | default | allowed | variable | meaning |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
        )
    return "\n".join(parts)


def _row(info: FieldInfo) -> str:
    allowed = f"{info.allowed} ({info.unit})" if info.unit else info.allowed
    default = json.dumps(as_json(info.default))
    return f"| `{info.name}` | `{default}` | {allowed} | `{info.variable}` | {info.description} |"


def default_file(section: str) -> str:
    """The packaged default file of a section, as text."""
    values = {info.name: as_json(info.default) for info in describe_fields().values() if info.section == section}
    return json.dumps({MARKER: 1, **values}, indent=2) + "\n"


def outputs(repository: Path) -> dict[Path, str]:
    """What the definitions say should stand in each file made from them."""
    files = {repository / "augment" / "config" / name: default_file(section) for section, name in FILES.items()}
    return {repository / "docs" / "configuration.md": markdown(), **files}


def main(arguments: list[str]) -> int:
    """Write what is out of date with ``--write``, else only name it. Returns 1 if something was out of date."""
    repository = Path(__file__).parents[2]
    return bring_up_to_date(outputs(repository), repository, "--write" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
