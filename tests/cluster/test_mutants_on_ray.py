"""Mutation orders through real actors: several executors, cancelling, and what Ray carries."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
from heads import JOINED

from augment.actors.executor import ExecutorActor
from augment.actors.governor import GovernorActor
from augment.actors.gpus import NO_GPU, GpuPolicy
from augment.actors.naming import GOVERNOR, actor_options, executor_part
from augment.actors.pool import RayExecutor
from augment.analysis import discover_project, take_snapshot, targets_of
from augment.execution import audit_mutants, mutants_of, plan_orders
from augment.mutants import MutantVerdict
from augment.records import FaultKind, new_id
from augment.seams import Batch, MutationOrder

NAMESPACE = "mutants-on-ray"
SOURCE = """\
def price(a, b):
    total = a + b
    return total * 2


def unchecked(a):
    return a + 1


def awaited(a):
    return a + 1
"""
TESTS = """\
import time
import shop


def test_price():
    assert shop.price(1, 2) == 6


def test_unchecked():
    shop.unchecked(1)


def test_awaited():
    time.sleep(0 if shop.awaited(1) == 2 else 300)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ray") / "project"
    root.mkdir()
    (root / "shop.py").write_text(SOURCE)
    (root / "test_shop.py").write_text(TESTS)
    return root


@pytest.fixture(scope="module")
def executor(root: Path) -> Iterator[RayExecutor]:
    """A governor with two slots and their executors."""
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as folder:
        # Unless it is told not to, Ray turns its token on for this process and makes one in the user's home.
        os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AUTH_MODE="disabled")
        JOINED.append(NAMESPACE)
        ray.init(num_cpus=2, namespace=NAMESPACE, include_dashboard=False, _temp_dir=folder, log_to_driver=False)
        node = ray.get_runtime_context().get_node_id()
        logs = (str(root.parent / "logs"), "INFO")
        (root.parent / "logs").mkdir()
        project = discover_project(root, sys.executable)
        held: list[Any] = [
            GovernorActor.options(**actor_options(GOVERNOR, NAMESPACE, node, max_concurrency=8)).remote(
                2, 1.0, GpuPolicy(1.0)
            )
        ]
        held += [
            ExecutorActor.options(**actor_options(executor_part(slot), NAMESPACE, node)).remote(
                slot, project, "off", False, 2**30, *logs
            )
            for slot in range(2)
        ]
        pool = RayExecutor(NAMESPACE, "test")
        try:
            yield pool
        finally:
            pool.close()
            ray.shutdown()


@pytest.fixture(scope="module")
def orders(root: Path, executor: RayExecutor) -> list[MutationOrder]:
    snapshot = take_snapshot(root)
    measured = executor.run(Batch(new_id("batch"), str(root), sys.executable, snapshot=snapshot, private=True))
    seconds = {one.nodeid: one.duration_s for one in measured.verdicts}
    assert len(seconds) == 3
    targets = {target.qualname: target for target in targets_of(SOURCE, "shop", "shop.py")}
    mutants = [mutant for name in ("price", "unchecked") for mutant in mutants_of(SOURCE, targets[name])]
    template = MutationOrder("", str(root), sys.executable, snapshot, (), {}, seconds)
    whole = plan_orders(template, mutants, measured.coverage)[0]
    half = len(mutants) // 2
    return [
        MutationOrder(new_id("m"), str(root), sys.executable, snapshot, part, whole.tests, seconds)
        for part in (whole.mutants[:half], whole.mutants[half:])
    ]


def test_orders_are_tried_side_by_side_and_each_mutant_is_told(
    executor: RayExecutor, orders: list[MutationOrder]
) -> None:
    told: list[MutantVerdict] = []
    verdicts = audit_mutants(executor, orders, 2, told.append)
    assert sorted(one.mutant for one in told) == sorted(one.mutant for one in verdicts)
    outcomes = {one.mutant.partition("~")[0]: set[str]() for one in verdicts}
    for one in verdicts:
        outcomes[one.mutant.partition("~")[0]].add(one.outcome.value)
    assert outcomes == {"shop:price": {"killed"}, "shop:unchecked": {"survived"}}


def test_an_order_that_is_cancelled_while_it_is_tried_comes_back(
    executor: RayExecutor, orders: list[MutationOrder]
) -> None:
    awaited = next(target for target in targets_of(SOURCE, "shop", "shop.py") if target.qualname == "awaited")
    slow = mutants_of(SOURCE, awaited)[0]
    order = replace(
        orders[0],
        id=new_id("m"),
        mutants=(orders[0].mutants[0], slow),
        tests={**orders[0].tests, slow.id: ("test_shop.py::test_awaited",)},
        wall_floor_s=300.0,
    )
    result = executor.mutate(order, lambda _verdict: executor.cancel(order.id))
    assert result.fault is not None
    assert result.fault.kind is FaultKind.SUPERSEDED
    assert [one.mutant for one in result.verdicts] == [order.mutants[0].id]


def test_where_ray_has_no_gpu_marked_tests_run_without_holding_one_and_that_is_said(
    executor: RayExecutor, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "test_marked.py").write_text("import pytest\n\n\n@pytest.mark.gpu\ndef test_it():\n    pass\n")
    marked = Batch(new_id("batch"), str(root), sys.executable, ("test_marked.py",), coverage=False)
    with caplog.at_level("WARNING", "augment.gpus"):
        results = [executor.run(marked), executor.run(replace(marked, id=new_id("batch")))]
    assert [one.outcome.value for result in results for one in result.verdicts] == ["passed"] * 2
    assert caplog.messages.count(NO_GPU) == 1
