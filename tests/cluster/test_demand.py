"""What counts as demand of others."""

from __future__ import annotations

import pytest

from augment.cluster.demand import Waiting, waiting_cpus


@pytest.mark.parametrize(
    ("demand", "cpus"),
    [
        ([], 0.0),
        ([Waiting(2.0, 3)], 6.0),
        ([Waiting(1.0, 2), Waiting(1.0, 1, "theirs")], 3.0),
        ([Waiting(1.0, 1, "ours")], 0.0),
        ([Waiting(100.0, 4)], 0.0),
        ([Waiting(0.0, 5)], 0.0),
    ],
)
def test_what_others_wait_for_and_could_be_given_counts(demand: list[Waiting], cpus: float) -> None:
    assert waiting_cpus(demand, {"ours"}, largest=4.0) == cpus
