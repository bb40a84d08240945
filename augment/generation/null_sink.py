"""A sink that keeps nothing, for passes whose results nobody stores."""

from __future__ import annotations

from collections.abc import Sequence

from augment.behaviour import BehaviourChange
from augment.records import (
    Activity,
    Admission,
    Control,
    CoverageReport,
    Decision,
    Finding,
    Rejection,
    ResourceSample,
    Run,
    Verdict,
)


class NullSink:
    """An :class:`augment.seams.ReportSink` that lets everything go: the pass's own result has it all."""

    def run_started(self, run: Run) -> None:
        """Let it go."""

    def verdicts(self, run_id: str, verdicts: Sequence[Verdict]) -> None:
        """Let them go."""

    def run_finished(self, run_id: str, finished_at: float) -> None:
        """Let it go."""

    def coverage(self, revision: str, report: CoverageReport) -> None:
        """Let it go."""

    def admitted(self, admissions: Sequence[Admission]) -> None:
        """Let them go."""

    def rejected(self, rejections: Sequence[Rejection]) -> None:
        """Let them go."""

    def decided(self, decision: Decision) -> None:
        """Let it go."""

    def controlled(self, controls: Sequence[Control]) -> None:
        """Let them go."""

    def finding(self, finding: Finding) -> None:
        """Let it go."""

    def behaviour_changed(self, changes: Sequence[BehaviourChange]) -> None:
        """Let them go."""

    def sample(self, sample: ResourceSample) -> None:
        """Let it go."""

    def activity(self, activity: Activity) -> None:
        """Let it go."""

    def tokens(self, model: str, prompt: int, completion: int) -> None:
        """Let them go."""
