"""Which nodes get executors. Plain logic, without Ray."""

from __future__ import annotations

from dataclasses import replace

from augment.actors.pool import where_to_run
from augment.cluster.placement import NodeSeen, Roster
from augment.records import Lane, Snapshot
from augment.seams import Batch
from augment.service import Where
from augment.shipping import Fitness, unfit


def node(name: str, cpus: float = 2, **more: object) -> NodeSeen:
    return NodeSeen(name, f"address of {name}", cpus, **more)  # type: ignore[arg-type]


def seats(roster: Roster, *nodes: NodeSeen) -> list[tuple[int, str]]:
    return [(seat.slot, seat.node.id) for seat in roster.look(nodes)[0]]


def test_each_other_node_with_cpus_gets_a_seat_for_each() -> None:
    roster = Roster("own", first=2)
    assert seats(roster, node("own"), node("b"), node("no-cpus", cpus=0), node("c", cpus=1)) == [
        (2, "b"),
        (3, "b"),
        (4, "c"),
    ]
    assert seats(roster, node("own"), node("b"), node("c", cpus=1)) == []


def test_the_setting_bounds_a_node_and_all_of_them_are_bounded_together() -> None:
    assert len(seats(Roster("own", 2, per_node=3), node("b", cpus=64))) == 3
    assert len(seats(Roster("own", 2, most=5), node("b", cpus=4), node("c", cpus=4))) == 5


def test_a_node_with_a_gpu_is_left_to_the_model_where_others_suffice() -> None:
    roster = Roster("own", 0, most=2)
    assert seats(roster, node("gpu", cpus=64, gpus=1.0), node("plain")) == [(0, "plain"), (1, "plain")]


def test_a_node_that_goes_loses_its_seats_and_one_that_comes_back_gets_new_ones() -> None:
    roster = Roster("own", 1)
    roster.look([node("b", cpus=1)])
    new, gone = roster.look([node("b", cpus=1, alive=False)])
    assert new == []
    assert [seat.slot for seat in gone] == [1]
    assert seats(roster, node("b2", cpus=1)) == [(2, "b2")]


def test_a_refused_node_is_not_seated_again_while_it_is_there() -> None:
    roster = Roster("own", 1)
    roster.look([node("b", cpus=1)])
    assert [seat.slot for seat in roster.refuse("b")] == [1]
    assert seats(roster, node("b", cpus=1)) == []
    roster.look([])
    assert seats(roster, node("b", cpus=1)) == [(2, "b")]


def test_a_node_is_read_from_what_ray_lists() -> None:
    listed = {"NodeID": "f0", "NodeManagerAddress": "10.0.0.2", "Alive": True, "Resources": {"CPU": 4.0, "GPU": 1.0}}
    assert NodeSeen.of(listed) == NodeSeen("f0", "10.0.0.2", 4.0, 1.0, alive=True)
    assert NodeSeen.of({**listed, "Resources": {}}).cpus == 0


def test_a_node_is_fit_where_nothing_could_change_a_verdict() -> None:
    here = Fitness(1, "3.11.9", {"numpy": "2.0"})
    assert unfit(here, here) == ""
    assert "Python 3.12.1 there" in unfit(here, Fitness(1, "3.12.1", {"numpy": "2.0"}))
    assert "numpy 1.26 there, 2.0 here" in unfit(here, Fitness(1, "3.11.9", {"numpy": "1.26"}))
    assert "numpy missing there" in unfit(here, Fitness(1, "3.11.9"))
    assert "version of Augment" in unfit(here, Fitness(2, "3.11.9", {"numpy": "2.0"}))
    assert "confined" in unfit(here, Fitness(1, "3.11.9", {"numpy": "2.0"}, sandboxed=False))
    assert unfit(Fitness(1, "3.11.9", sandboxed=False), Fitness(1, "3.11.9", sandboxed=False)) == ""


def test_what_needs_the_project_itself_stays_beside_it() -> None:
    own = Batch("b", "/p", "/python", snapshot=Snapshot.of({"a.py": "0"}))
    assert where_to_run(own) is Where.OWN
    assert where_to_run(replace(own, lane=Lane.IDLE)) is Where.HOME  # reruns, control samples
    assert where_to_run(replace(own, snapshot=None)) is Where.HOME
    judged = replace(own, lane=Lane.WRITE, private=True, trusted=False)
    assert where_to_run(judged) is Where.ANYWHERE
    assert where_to_run(replace(judged, temp_folder="/tmp/x")) is Where.HOME
