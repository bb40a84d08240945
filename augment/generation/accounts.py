"""What a pass has brought so far, and telling it: whatever is counted here is recorded at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from augment.generation.gates import Judgement
from augment.generation.keeping import Kept
from augment.generation.model import Proposals
from augment.records import Activity, Admission, CoverageReport, Finding, FindingState, Rejection
from augment.seams import ReportSink


@dataclass(slots=True)
class PassResult:
    """What one pass brought. ``seconds`` is wall-clock time; tokens are the model's, prompt and completion."""

    admitted: list[Admission] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    coverage: CoverageReport = field(default_factory=CoverageReport)
    superseded: bool = False
    """The project changed while the pass ran, which ended it."""
    prompt_s: float | None = None
    """Seconds that one prompt of the model took, for the settings of the next pass; None without any."""
    tokens_per_s: float | None = None
    """How fast the model was, for the settings of the next pass; None without a model."""

    survivors: dict[str, int] = field(default_factory=dict)
    """Target id -> how many of its mutants no test noticed, of those that were tried."""

    unasked: frozenset[str] = frozenset()
    """Targets that the model had no time for; empty without a model."""

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens


class Accounts:
    """Counts into ``result`` and records in ``sink``. ``model`` is the name that tokens are counted under, if any."""

    def __init__(self, sink: ReportSink, model: str | None) -> None:
        self.result = PassResult()
        self._sink = sink
        self._model = model

    def proposed(self, proposals: Proposals) -> None:
        """What one call of the model cost, and what of it was of no use."""
        self.result.prompt_tokens += proposals.prompt_tokens
        self.result.completion_tokens += proposals.completion_tokens
        if self._model is not None:
            self._sink.tokens(self._model, proposals.prompt_tokens, proposals.completion_tokens)
        self.rejected(proposals.rejections)

    def judged(self, judgement: Judgement) -> None:
        """What the gates turned away, and what they found."""
        self.rejected(judgement.rejections)
        self.found(judgement.findings)

    def found(self, findings: Sequence[Finding]) -> None:
        """Findings that were made, and known ones that are resolved now."""
        for finding in findings:
            self._sink.finding(finding)
        self.result.findings.extend(item for item in findings if item.state is FindingState.OPEN)

    def kept(self, kept: Kept) -> None:
        """What is written, or held, and what failed in its file."""
        if kept.admissions:
            self._sink.admitted(kept.admissions)
        self.result.admitted.extend(kept.admissions)
        self.rejected(kept.rejections)

    def rejected(self, rejections: Iterable[Rejection]) -> None:
        """Candidates that were turned away."""
        turned_away = list(rejections)
        if turned_away:
            self._sink.rejected(turned_away)
            self.result.rejected.extend(turned_away)

    def say(self, text: str) -> None:
        """What the generator is doing now, in words."""
        self._sink.activity(Activity("generator", text, time.time()))
