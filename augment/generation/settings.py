"""What one generation pass may do."""

from __future__ import annotations

from dataclasses import dataclass

from augment.records import TestKind


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """How a pass proposes, judges and keeps tests.

    ``generators`` and ``without`` are names: a generator runs when it is in the first and not in the second, a gate is
    skipped when it is in the second. ``max_length`` counts generated tokens of one reply. ``budget_s_per_module`` is
    wall-clock time spent on the targets of one module, loading of the model excluded. ``output`` is relative to the
    project's root. ``accept`` is ``auto`` (kept tests are written) or ``review`` (they are held).
    """

    kinds: tuple[TestKind, ...] = (TestKind.UNIT, TestKind.INTEGRATION, TestKind.PROPERTY)
    generators: tuple[str, ...] = ("search", "difference", "integration", "property", "model")
    without: frozenset[str] = frozenset()
    temperature: float = 0.3
    max_length: int = 2048
    samples: int = 2
    prompts_per_call: int = 4
    call_s: float = 25.0
    """Wall-clock time of one call of the model; longer calls would keep their first test waiting for their last."""
    tokens_per_s: float = 20.0
    """How fast the engine was seen to be, prompts included. A low guess makes the first call short, and that tells."""
    prompt_s: float | None = None
    """How many seconds of a call one prompt was seen to take, its reply included; None while nothing is known."""
    reply_tokens: int | None = None
    """Length of one reply where no call is hurried: calls are then not cut to ``call_s``, so no test breaks off because
    the machine was busy. None sizes replies to the time that is left."""
    batch_size: int = 24
    """Candidates judged at once; fewer where that takes long."""
    model_first: bool = False
    """The budget belongs to the model as long as it has something to say; deterministic generators come after it, for
    ``search_s``. Whoever comes first takes the coverage; a model's tests read better, and where time is not short it
    goes first."""
    first: int = 0
    """Tests that exploration gets to propose before anything slower has a turn, the model included: somebody waits for
    the first. With 0 all begin together."""
    search_s: float = 20.0
    search_limit: int = 48
    prompt_chars: int = 6000
    """Rough size of the largest prompt; about four characters are a token."""
    output: str = "tests/augment"
    merge: bool = False
    accept: str = "auto"
    budget_s_per_module: float = 60.0
    overtime_s: float = 0.0
    """How long past its last module's budget a pass waits for a reply that the model is writing, and judges it."""
    seed: int = 0
    test_wall_s: float = 5.0
    """Wall-clock time of one generated test; slower ones are of no use in a suite."""

    hidden_mutants: frozenset[str] = frozenset()
    """Ids of mutants that the gates know nothing of: a benchmark asks afterwards whether the tests notice them."""

    def enabled(self, name: str) -> bool:
        """Whether the gate or generator called ``name`` is on."""
        return name not in self.without
