"""The commands that the documents show, read out of them, and where each is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = sorted([REPOSITORY / "README.md", *REPOSITORY.glob("docs/*.md"), *REPOSITORY.glob("examples/*/README.md")])
_FENCE = re.compile(r"^```(?:bash|sh|console|)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(
    r"export \w+=|curl |ray [a-z]|\./scripts/\w|python -m \w|python benchmarks/"
    r"|(?:\.venv/bin/)?augment [a-z-]|cd |pip |apt-get "
)
_REMARK = re.compile(r"(?:^|\s{2,})# .*$|\s+#\s.*$")

_RECORDS = {"docs/compatibility.md"}
"""Pages that tell what a benchmark has run on the projects of others; what people may run there are the benchmarks."""

RUN_ELSEWHERE = {
    "./scripts/run_background_tests.sh": ("tests/scripts/test_shell_scripts.py", "run_background_tests.sh"),
    "./scripts/test.sh": (".ci/run", "scripts/test.sh"),
    "./scripts/setup_huggingface_models.sh": ("tests/scripts/test_shell_scripts.py", "setup_huggingface_models.sh"),
    "python -m augment.launch": ("tests/cluster/running.py", "augment.launch"),
    "python -m augment.config.reference": ("tests/docs/test_documents.py", "config.reference"),
    "python -m augment.commands.reference": ("tests/docs/test_documents.py", "commands.reference"),
    "python -m pytest": ("tests/scripts/test_shell_scripts.py", "pytest"),
    "cd examples/bookshop": ("tests/cluster/running.py", "bookshop"),
    "ray status": ("tests/cluster/test_attached.py", '"status"'),
    "ray start --head": ("tests/cluster/test_attached.py", '"start", "--head"'),
    "ray job submit": ("tests/cluster/test_shared_cluster.py", '"job", "submit"'),
    "ray get-auth-token": ("tests/cluster/test_attach_preflight.py", '"get-auth-token"'),
    "ray start": ("tests/cluster/test_attached.py", '"start", "--head"'),
    "export AUGMENT_MODEL_ENGINE=openai": ("tests/serve/test_remote_engine.py", "openai"),
    "export AUGMENT_MODEL_ENGINE=vllm": ("tests/engines/test_vllm_engine.py", "vllm"),
    "curl": ("tests/engines/test_serve_replica.py", "/v1/chat/completions"),
    "augment models fetch": ("tests/serve/test_models_command.py", '"fetch"'),
    "augment models convert": ("tests/serve/test_convert.py", '"convert"'),
    "augment models verify": ("tests/serve/test_models_command.py", '"verify"'),
    "augment --install-completion": ("tests/commands/test_command_line.py", "_COMPLETE"),
    "augment findings mark behaviour-ID": ("tests/commands/test_findings_command.py", "behaviour"),
}
"""How a command begins -> the file whose tests run it, and what shows that there. These need more than a small project:
Ray, a model, a network, a clone."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A command as a document shows it."""

    text: str
    document: str

    def __str__(self) -> str:
        return f"{self.document}: {self.text}"

    @property
    def elsewhere(self) -> tuple[str, str] | None:
        """Where it is run, if not here: the longest beginning counts."""
        found = [begin for begin in RUN_ELSEWHERE if f"{self.text} ".startswith(f"{begin} ".replace("= ", "="))]
        return RUN_ELSEWHERE[max(found, key=len)] if found else None

    @property
    def words(self) -> list[str]:
        """Its words, the program's name left out."""
        return shlex.split(self.text)[1:]


def shown_commands() -> list[Shown]:
    """Every command of every document, each once."""
    found: dict[str, Shown] = {}
    for path in DOCUMENTS:
        name = str(path.relative_to(REPOSITORY))
        for text in _commands_in(path.read_text(encoding="utf-8")):
            if name not in _RECORDS or text.startswith("python benchmarks/"):
                found.setdefault(text, Shown(text, name))
    return list(found.values())


def _commands_in(text: str) -> Iterator[str]:
    for block in _FENCE.findall(text):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            if _COMMAND.match(line):
                yield _REMARK.sub("", line).strip()
    for code in _INLINE.findall(_FENCE.sub("", text)):
        # A command's bare name is a mention of it.
        if _COMMAND.match(code) and code != "ray up" and not re.fullmatch(r"augment [a-z]+(?: [a-z]+)?", code):
            yield code.strip()
