"""Observes failing and open-ended tests in fresh processes, and mends them by what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from augment.generation.ledger import Ledger
from augment.generation.observe import Sighting, instrument, prepare, rebuild
from augment.generation.trials import FIRST_SEED, BatchTrial, Trial, TrialRunner, Variation
from augment.records import Candidate, new_id

SECOND_SEED = 1


_NOT_RUN = Trial()


@dataclass(frozen=True, slots=True)
class Pending:
    """A test that is to be mended. ``original`` is how it failed (empty when it has not run as it stands).

    ``first`` is the first sighting, when there was one already.
    """

    candidate: Candidate
    prepared: str
    probe: Candidate
    original: Trial = _NOT_RUN
    first: Trial | None = None


@dataclass(frozen=True, slots=True)
class Mended:
    """A pending test after it was observed: ``candidate`` is the mended one, None when nothing stable was seen.

    ``trial`` is the first sighting: its coverage is that of the mended test, which makes the same calls.
    """

    pending: Pending
    candidate: Candidate | None
    trial: Trial
    error: str = ""


def open_pending(candidate: Candidate, original: Trial = _NOT_RUN) -> Pending | None:
    """The instrumented form of a test that failed as ``original`` says, or that leaves a value open."""
    prepared = prepare(candidate.source, original.failure)
    instrumented = instrument(prepared)
    if instrumented is None:
        return None
    return Pending(candidate, prepared, replace(candidate, source=instrumented), original)


def mend(pending: Sequence[Pending], runner: TrialRunner, ledger: Ledger) -> list[Mended]:
    """See every test twice, in fresh processes with different hash seeds, and rebuild it where both agree."""
    if not pending:
        return []
    unseen = [item.probe for item in pending if item.first is None]
    first, second = runner.run_several(
        [
            (unseen, Variation(hash_seed=FIRST_SEED, coverage=True)),
            ([item.probe for item in pending], Variation(hash_seed=SECOND_SEED)),
        ]
    )
    ledger.learn(first.imports, first.possible)
    return [_mended(item, first, second) for item in pending]


def _mended(item: Pending, first: BatchTrial, second: BatchTrial) -> Mended:
    seen = item.first or first.trials.get(item.candidate.id, _NOT_RUN)
    again = second.trials.get(item.candidate.id, _NOT_RUN)
    source = None
    if all(_usable(trial) for trial in (seen, again)):
        sightings = [Sighting(trial.observations, trial.failure) for trial in (seen, again)]
        source = rebuild(item.prepared, item.probe.source, sightings)
    if source is None:
        error = seen.fault or again.fault or item.original.error or seen.error or "no stable value was observed"
        return Mended(item, None, seen, error)
    parents = (*item.candidate.parents, item.candidate.id)
    changed = replace(item.candidate, id=new_id("cand"), source=source, parents=parents, characterization=True)
    return Mended(item, changed, seen)


def _usable(trial: Trial) -> bool:
    return trial.fault is None and not trial.collection_error and bool(trial.outcomes)
