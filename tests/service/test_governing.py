"""The governor hands out leases, keeps a slot for the fast lane, and moves its limit with hysteresis."""

from __future__ import annotations

import threading

import pytest

from augment.records import Lane, ResourceSample
from augment.service import Governor, Where


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def sample(cpu: float = 0.0, **more: float) -> ResourceSample:
    return ResourceSample(at=0.0, cpu=cpu, memory=more.pop("memory", 0.1), disk=more.pop("disk", 0.1), **more)


def test_background_work_never_takes_the_slot_of_the_fast_lane() -> None:
    governor = Governor(3)
    leases = [governor.acquire(Lane.WRITE, "generator") for _ in range(3)]
    assert [lease and lease.slot for lease in leases] == [2, 1, None]
    fast = governor.acquire(Lane.FAST, "service")
    assert fast is not None
    assert fast.slot == 0


def test_with_a_single_slot_the_lanes_take_turns() -> None:
    governor = Governor(1)
    lease = governor.acquire(Lane.WRITE, "generator")
    assert lease is not None
    assert governor.acquire(Lane.FAST, "service") is None
    governor.release(lease.id)
    assert governor.acquire(Lane.FAST, "service") is not None


def test_a_lease_that_is_not_renewed_runs_out() -> None:
    clock = Clock()
    governor = Governor(2, ttl_s=30, clock=clock)
    lease = governor.acquire(Lane.WRITE, "generator")
    assert lease is not None
    clock.now += 20
    assert governor.renew(lease.id)
    clock.now += 20
    assert governor.acquire(Lane.WRITE, "other") is None
    clock.now += 20
    assert not governor.renew(lease.id)
    assert governor.acquire(Lane.WRITE, "other") is not None


def test_a_waiting_client_gets_the_slot_that_is_given_back() -> None:
    governor = Governor(2)
    lease = governor.acquire(Lane.WRITE, "generator")
    assert lease is not None
    threading.Timer(0.05, governor.release, [lease.id]).start()
    assert governor.acquire(Lane.IDLE, "audit", timeout_s=5.0) is not None


def test_load_of_others_stops_background_work_only_after_patience_and_lets_it_go_on_below_the_margin() -> None:
    governor = Governor(2, threshold=0.7, margin=0.1, patience=2)
    governor.observe(sample(cpu=0.9))
    assert governor.state().background_limit == 2
    governor.observe(sample(cpu=0.9))
    assert governor.state().background_limit == 0
    assert "90%" in governor.state().reason
    assert governor.acquire(Lane.WRITE, "generator") is None
    assert governor.acquire(Lane.FAST, "service") is not None
    for _ in range(5):
        governor.observe(sample(cpu=0.65))  # between the margin and the threshold nothing moves
    assert governor.state().background_limit == 0
    governor.observe(sample(cpu=0.2))
    governor.observe(sample(cpu=0.2))
    assert governor.state().background_limit == 2
    assert governor.state().reason == ""


def test_its_own_work_does_not_throttle_augment() -> None:
    governor = Governor(2, patience=1)
    governor.observe(sample(cpu=1.0, own_cpu=0.95))
    assert governor.state().background_limit == 2


@pytest.mark.parametrize(("more", "held"), [({"disk": 0.9}, False), ({"disk": 0.97}, True), ({"memory": 0.8}, True)])
def test_memory_and_a_nearly_full_disk_throttle_too(more: dict[str, float], held: bool) -> None:
    governor = Governor(2, patience=1)
    governor.observe(sample(**more))
    assert (governor.state().background_limit == 0) is held


def test_demand_of_other_jobs_makes_augment_yield() -> None:
    governor = Governor(2, patience=1)
    governor.observe(sample(pending_cpus=3.0))
    assert governor.state().background_limit == 0
    assert "other jobs" in governor.state().reason


def test_other_jobs_are_yielded_to_at_once_and_no_longer_than_they_wait() -> None:
    """The margin is against the machine's own flutter; that nobody waits any more is certain, however busy it is."""
    governor = Governor(2, patience=2, threshold=0.7)
    governor.observe(sample(pending_cpus=1.0))
    assert governor.state().background_limit == 0
    governor.observe(sample(cpu=0.65))
    assert governor.state().background_limit == 0
    governor.observe(sample(cpu=0.65))
    assert governor.state().background_limit == 2
    assert governor.state().reason == ""


def test_no_slots_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one slot"):
        Governor(0)


def test_a_retry_gets_another_slot_than_the_one_it_avoids_where_there_is_one() -> None:
    governor = Governor(3)
    lease = governor.acquire(Lane.FAST, "service", avoid=0)
    assert lease is not None
    assert lease.slot == 1
    background = governor.acquire(Lane.IDLE, "service", avoid=2)
    assert background is None  # slot 1 is taken, 0 reserved: it waits rather than go back
    governor.release(lease.id)
    background = governor.acquire(Lane.IDLE, "service", avoid=2)
    assert background is not None
    assert background.slot == 1
    only = Governor(1).acquire(Lane.FAST, "service", avoid=0)
    assert only is not None
    assert only.slot == 0


def test_slots_on_other_nodes_take_background_work_first_and_verdicts_last() -> None:
    governor = Governor(2)
    for slot in (2, 3):
        governor.offer(slot, "10.0.0.2")
    leases = [governor.acquire(Lane.WRITE, "generator") for _ in range(2)]
    assert [(lease.slot, lease.node) for lease in leases if lease] == [(3, "10.0.0.2"), (2, "10.0.0.2")]
    fast = [governor.acquire(Lane.FAST, "service", where=Where.OWN) for _ in range(2)]
    assert [(lease.slot, lease.node) for lease in fast if lease] == [(0, ""), (1, "")]
    assert governor.state().batches == {0: 1, 1: 1, 2: 1, 3: 1}


def test_what_needs_the_project_itself_stays_on_its_node() -> None:
    governor = Governor(2)
    governor.offer(2, "10.0.0.2")
    lease = governor.acquire(Lane.IDLE, "service", where=Where.HOME)
    assert lease is not None
    assert lease.slot == 1
    assert governor.acquire(Lane.IDLE, "service", where=Where.HOME) is None


def test_a_lost_node_gets_nothing_until_it_is_offered_again() -> None:
    governor = Governor(1)
    for slot, node in ((1, "10.0.0.2"), (2, "10.0.0.2"), (3, "10.0.0.3")):
        governor.offer(slot, node)
    governor.lose(1)
    assert governor.state().lost == {1, 2}
    lease = governor.acquire(Lane.WRITE, "generator")
    assert lease is not None
    assert lease.slot == 3
    assert governor.acquire(Lane.WRITE, "generator") is None
    governor.offer(1, "10.0.0.2")
    again = governor.acquire(Lane.WRITE, "generator")
    assert again is not None
    assert again.slot == 1
    governor.lose(0)  # an executor at home comes back by itself
    assert governor.state().lost == {2}


def test_a_withdrawn_slot_is_forgotten_with_its_lease() -> None:
    governor = Governor(1)
    governor.offer(1, "10.0.0.2")
    lease = governor.acquire(Lane.WRITE, "generator")
    assert lease is not None
    governor.withdraw(1)
    assert governor.state().leases == ()
    assert governor.state().slots == 1
    assert not governor.renew(lease.id)
    governor.withdraw(0)
    assert governor.state().slots == 1


def test_the_users_own_tests_are_kept_from_a_node_that_is_unfit_for_them() -> None:
    governor = Governor(1)
    governor.offer(1, "10.0.0.2")
    assert governor.state().own_slots == 2
    governor.declare_unfit("10.0.0.2", "test_a passes here and not there")
    assert governor.state().own_slots == 1
    assert governor.state().unfit == {"10.0.0.2": "test_a passes here and not there"}
    assert governor.acquire(Lane.FAST, "service", where=Where.OWN) is not None
    assert governor.acquire(Lane.FAST, "service", where=Where.OWN) is None
    assert governor.acquire(Lane.WRITE, "generator") is not None
