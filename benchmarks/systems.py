"""The systems that write tests in ``generation.py``: Augment, and its peers in environments of their own.

Each writes into ``tests`` of a folder that holds one release and nothing else, and tells what that took.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from endpoint import Endpoint
from environments import environment, user_environ
from generation_subjects import Subject

PYNGUIN = "pynguin==0.48.0"
COVERUP = "coverup==0.6.3"
_PYNGUIN_SEED = 42
MODEL_ALIAS = "gpt-4.1-mini"
"""What CoverUp calls the model: a name whose prices its library knows, without which it refuses to run."""


@dataclass
class Written:
    """What writing the tests of one package took, and what the system says of it."""

    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    generators: dict[str, int] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)


class System(Protocol):
    """A generator of tests."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    def write(self, subject: Subject, work: Path) -> Written:
        """Write tests for the package's modules into ``work``/tests."""

    def close(self) -> None:
        """Free what it holds between packages."""


@dataclass(frozen=True)
class Augment:
    """``augment generate``, as a user runs it."""

    budget_s: float
    seed: int
    model: bool
    without: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """With what is switched off."""
        off = [f"without {name}" for name in self.without]
        return ", ".join(["Augment" if self.model else "Augment, no model", *off])

    def write(self, subject: Subject, work: Path) -> Written:
        """One pass over the modules. The seconds are the whole command's: loading the model is in them, though the
        budget does not count it.
        """
        out = work / "generated.json"
        command = [sys.executable, "-m", "augment", "generate", str(work), *subject.files]
        command += ["--budget", str(self.budget_s), "--seed", str(self.seed), "--json", str(out)]
        command += ["--no-model"] if not self.model else []
        for name in self.without:
            command += ["--without", name]
        began = time.monotonic()
        subprocess.run(command, cwd=work, check=True)
        seconds = round(time.monotonic() - began, 1)
        report = json.loads(out.read_text(encoding="utf-8"))
        return Written(
            seconds=seconds,
            prompt_tokens=report["tokens"]["prompt"],
            completion_tokens=report["tokens"]["completion"],
            rejected=report["rejected"],
            generators=dict(Counter(item["generator"] for item in report["admitted"])),
            findings=report["findings"],
        )

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class Pynguin:
    """Pynguin, a search-based generator without a model.

    It searches for the whole budget and works out its assertions afterwards, for at most twice as long again: that is
    more time than the others get, and the seconds show it. Cut off at the budget it would write nothing.
    """

    budget_s: float
    seed: int
    cache: Path

    name = "Pynguin 0.48"

    def write(self, subject: Subject, work: Path) -> Written:
        """One run a module, each into a file of its own."""
        python = environment("pynguin", (PYNGUIN,), self.cache)
        began = time.monotonic()
        budget = round(self.budget_s)
        # First on the path: what Pynguin itself stands on includes a newer docstring_parser.
        environ = user_environ(PYNGUIN_DANGER_AWARE="1", PYTHONPATH=str(work))
        for module in subject.names:
            command = [str(python.parent / "pynguin"), "--project-path", str(work), "--module-name", module]
            command += ["--output-path", str(work / "tests"), "--maximum-search-time", str(budget)]
            command += [
                "--seed",
                str(_PYNGUIN_SEED + self.seed),
                "--maximum_mutants",
                "200",
                "--maximum_mutation_time",
                str(2 * budget),
            ]
            end = limited(command, work, 10 * self.budget_s + 300, environ)
            if end != 0:
                print(f"pynguin on {module} ended with {end}", file=sys.stderr)
        return Written(seconds=round(time.monotonic() - began, 1))

    def close(self) -> None:
        """Nothing is held."""


class CoverUp:
    """CoverUp with the model that Augment uses, over Augment's own OpenAI-compatible pages, for as long as Augment."""

    name = "CoverUp 0.6.3, same model"

    def __init__(self, budget_s: float, cache: Path) -> None:
        self._budget_s = budget_s
        self._cache = cache
        self._endpoint: Endpoint | None = None

    def write(self, subject: Subject, work: Path) -> Written:
        """One run over the modules, ended when the budget of all of them is used up; what it kept by then counts."""
        python = environment("coverup", (COVERUP, "pytest<9"), self._cache)
        if self._endpoint is None:
            self._endpoint = Endpoint(MODEL_ALIAS)
            self._endpoint.start()
        (work / "tests").mkdir(exist_ok=True)
        before = self._endpoint.tokens
        command = [str(python.parent / "coverup"), "--model", f"openai/{MODEL_ALIAS}"]
        command += ["--prompt", "gpt-v2-no-code-context", "--package-dir", str(work / subject.package)]
        command += ["--tests-dir", str(work / "tests"), "--no-isolate-tests", "--repeat-tests", "5", "--no-checkpoint"]
        command += [str(work / file) for file in subject.files]
        environ = user_environ(
            OPENAI_API_BASE=self._endpoint.url,
            OPENAI_API_KEY="x",
            LITELLM_LOCAL_MODEL_COST_MAP="True",
            PATH=f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        )
        began = time.monotonic()
        limited(command, work, self._budget_s * len(subject.modules), environ)
        seconds = round(time.monotonic() - began, 1)
        prompt, completion = (now - then for now, then in zip(self._endpoint.tokens, before, strict=True))
        return Written(seconds=seconds, prompt_tokens=prompt, completion_tokens=completion)

    def close(self) -> None:
        """End the model."""
        if self._endpoint is not None:
            self._endpoint.stop()
            self._endpoint = None


def limited(command: list[str], work: Path, limit_s: float, environ: dict[str, str]) -> int | None:
    """Run a peer, with everything it starts ended at the limit; its exit status, None where it was ended.

    What it prints is in ``peer.log`` of the folder.
    """
    with (work / "peer.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=work, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            return process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue
