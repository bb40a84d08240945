"""From proven candidates to admissions: composed into their file, run once as they stand there, written, recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from augment.generation.compose import Composed, Piece
from augment.generation.gates import Proven
from augment.generation.settings import GenerationSettings
from augment.generation.trials import TrialRunner
from augment.generation.write import FileChangedError, TestWriter, as_written, kept_because
from augment.records import Admission, AdmissionState, Outcome, Rejection, Target, new_id
from augment.seams import BatchResult

_ROUNDS = 3
"""How often a file is composed anew without the tests that fail in it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept, and what failed once it stood in its file."""

    admissions: tuple[Admission, ...] = ()
    rejections: tuple[Rejection, ...] = ()


class Keeper:
    """Keeps proven tests of one pass, or holds them where a person is to review them."""

    def __init__(
        self,
        writer: TestWriter,
        runner: TrialRunner,
        settings: GenerationSettings,
        revision: str,
    ) -> None:
        self._writer = writer
        self._runner = runner
        self._settings = settings
        self._revision = revision

    def keep(self, proven: Sequence[Proven], target_of: Callable[[str], Target]) -> Kept:
        """Keep the ``proven`` tests, all for targets of one module. Raises ProjectError when their file is not ours."""
        if not proven:
            return Kept()
        file = self._writer.file_for(target_of(proven[0].candidate.target).module)
        left = list(proven)
        rejections: list[Rejection] = []
        for _ in range(_ROUNDS):
            composed = self._writer.compose(file, [_piece(item) for item in left])
            failed = self._failed(file, composed)
            if not failed:
                break
            rejections += [
                Rejection(item.candidate, "file", failed[name])
                for item, name in zip(left, composed.names, strict=True)
                if name in failed
            ]
            left = [item for item, name in zip(left, composed.names, strict=True) if name not in failed]
            if not left:
                return Kept((), tuple(rejections))
        else:
            rejections += [
                Rejection(item.candidate, "file", "tests fail beside each other in one file") for item in left
            ]
            return Kept((), tuple(rejections))
        admissions = [self._admission(item, file, name) for item, name in zip(left, composed.names, strict=True)]
        if self._settings.accept != "review":
            try:
                self._writer.save(file, composed.text)
            except FileChangedError as error:
                return Kept((), (*rejections, *(Rejection(item.candidate, "file", str(error)) for item in left)))
            self._runner.changed(file)
            admissions = as_written(admissions, composed)
        return Kept(tuple(admissions), tuple(rejections))

    def _failed(self, file: str, composed: Composed) -> dict[str, str]:
        """Which of the new tests do not pass in the file as it would be written, and why."""
        result = self._runner.run_files({file: composed.text})
        passed = {verdict.nodeid for verdict in result.verdicts if verdict.outcome is Outcome.PASSED}
        broken = "\n".join(result.collection_errors.values()) or (result.fault.detail if result.fault else "")
        return {
            name: _output_of(result, f"{file}::{name}") or broken or "did not run in its file"
            for name in composed.names
            if f"{file}::{name}" not in passed
        }

    def _admission(self, item: Proven, file: str, name: str) -> Admission:
        candidate = item.candidate
        return Admission(
            id=new_id("adm"),
            nodeid=f"{file}::{name}",
            file=file,
            target=candidate.target,
            generator=candidate.generator,
            kind=candidate.kind,
            source=self._writer.formatted(file, candidate.source),
            lines_gained=item.gain.lines,
            branches_gained=item.gain.branches,
            mutants_killed=None if item.kills is None else len(item.kills),
            runs=item.runs,
            reason=reason(item),
            created_at=time.time(),
            characterization=candidate.characterization,
            state=AdmissionState.HELD if self._settings.accept == "review" else AdmissionState.KEPT,
            origin=candidate.origin,
            model=candidate.model,
            seed=candidate.seed,
            parents=candidate.parents,
            revision=self._revision,
        )


def _piece(item: Proven) -> Piece:
    return Piece(item.candidate.source, _comment(item), item.candidate.target)


def _comment(item: Proven) -> str:
    return kept_because(reason(item), item.candidate.model, item.candidate.generator)


def reason(item: Proven) -> str:
    """Why a test was kept, in words."""
    parts = [
        _count(item.gain.lines, "new line", "new lines"),
        _count(item.gain.branches, "new branch", "new branches"),
    ]
    covers = " and ".join(part for part in parts if part)
    kills = _count(len(item.kills or ()), "mutant", "mutants")
    does = [f"covers {covers}" if covers else "", f"kills {kills}" if kills else ""]
    what = ", ".join(part for part in does if part) or "passes every gate that is on"
    nature = "; characterization" if item.candidate.characterization else ""
    return f"{what}, testing {item.candidate.target}{nature}"


def _count(number: int, one: str, many: str) -> str:
    if not number:
        return ""
    return f"{number} {one if number == 1 else many}"


def _output_of(result: BatchResult, nodeid: str) -> str:
    return next((verdict.output[-600:] for verdict in result.verdicts if verdict.nodeid == nodeid), "")
