"""Mutants tried for real: every kind of function, every way to be noticed, and what is known when it is over."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from execution_support import snapshot

from augment.analysis import targets_of
from augment.execution import LocalExecutor, audit_mutants, mutants_of, plan_orders
from augment.mutants import Mutant, MutantOutcome, MutantVerdict
from augment.records import FaultKind, Snapshot, new_id
from augment.seams import Batch, Executor, Limits, MutantSink, MutationOrder, MutationResult

MakeProject = Callable[..., Path]

KINDS = """
    import asyncio, contextlib, dataclasses, functools

    def plain(a, b=1):
        return a + b

    def generator(a):
        yield a + 1

    async def coroutine(a):
        return a + 1

    @functools.lru_cache
    def cached(a):
        return a + 1

    @contextlib.contextmanager
    def managed(a):
        yield a + 1

    def factory(n):
        def inner(a):
            return a + n
        return inner

    class Base:
        def greet(self):
            return "base"

    class Loud(Base):
        def greet(self):
            return super().greet() + "!"

    @dataclasses.dataclass(slots=True)
    class Kinds:
        n: int = 1

        def method(self):
            return self.n + 1

        @property
        def prop(self):
            return self.n + 1

        @prop.setter
        def prop(self, value):
            self.n = value + 1

        @staticmethod
        def static(a):
            return a + 1

        @classmethod
        def made(cls, a):
            return cls(a + 1)

        def __secret(self):
            return self.n + 1

        def tell(self):
            return self.__secret()
    """

KINDS_TESTS = """
    import asyncio
    import pytest
    from kinds import Kinds, Loud, cached, coroutine, factory, generator, managed, plain

    def test_plain():
        assert plain(1) == 2

    def test_generator():
        assert list(generator(1)) == [2]

    def test_coroutine():
        assert asyncio.run(coroutine(1)) == 2

    def test_cached():
        assert cached(1) == 2

    def test_managed():
        with managed(1) as value:
            assert value == 2

    add_two = factory(2)

    def test_factory():
        assert factory(2)(1) == 3

    def test_methods():
        thing = Kinds()
        assert (thing.method(), thing.prop, Kinds.static(1), Kinds.made(1).n) == (2, 2, 2, 2)
        assert Loud().greet() == "base!"
        assert thing.tell() == 2
        thing.prop = 1
        assert thing.n == 2
    """


class Tried:
    """One project's mutants, tried with the coverage that its own tests gave."""

    def __init__(self, executor: LocalExecutor, root: Path, file: str, **more: Any) -> None:
        self.root = root
        self.source = (root / file).read_text()
        self.snapshot = snapshot(root)
        measured = executor.run(
            Batch(new_id("b"), str(root), sys.executable, snapshot=self.snapshot, private=True, limits=Limits())
        )
        passing = {one.nodeid: one.duration_s for one in measured.verdicts if one.outcome.value == "passed"}
        targets = [one for one in targets_of(self.source, file[:-3], file) if one.kind.value != "class"]
        self.mutants = [mutant for target in targets for mutant in mutants_of(self.source, target)]
        template = _order(root, self.snapshot, seconds=passing, **more)
        self.orders = plan_orders(template, self.mutants, measured.coverage)
        self.told: list[MutantVerdict] = []
        self.verdicts = audit_mutants(executor, self.orders, on_outcome=self.told.append)

    def of(self, function: str, operator: str = "") -> list[MutantVerdict]:
        """The verdicts of a function's mutants."""
        wanted = {one.id for one in self.mutants if one.target.endswith(f":{function}") and operator in one.operator}
        return [verdict for verdict in self.verdicts if verdict.mutant in wanted]


def _order(root: Path, revision: Snapshot, **more: Any) -> MutationOrder:
    return MutationOrder(
        "", str(root), sys.executable, revision, more.pop("mutants", ()), more.pop("tests", {}), **more
    )


def outcomes(verdicts: list[MutantVerdict]) -> set[str]:
    return {verdict.outcome.value for verdict in verdicts}


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Mapping[str, str]], Path]:
    def write(files: Mapping[str, str]) -> Path:
        root = tmp_path_factory.mktemp("mutated") / "project"
        root.mkdir()
        for name, text in files.items():
            (root / name).write_text(textwrap.dedent(text))
        return root

    return write


@pytest.fixture(scope="module")
def kinds(executor: LocalExecutor, write: Callable[[Mapping[str, str]], Path]) -> Tried:
    return Tried(executor, write({"kinds.py": KINDS, "test_kinds.py": KINDS_TESTS}), "kinds.py")


@pytest.mark.parametrize(
    "function",
    [
        "plain",
        "generator",
        "coroutine",
        "cached",
        "managed",
        "Kinds.method",
        "Loud.greet",
        "Kinds.prop",
        "Kinds.static",
        "Kinds.made",
        "Kinds.__secret",
        "Base.greet",
    ],
)
def test_a_mutant_of_every_kind_of_function_is_noticed(kinds: Tried, function: str) -> None:
    found = [one for one in kinds.of(function) if "decorator" not in _operator(kinds, one)]
    assert found
    assert outcomes(found) == {"killed"}


def test_a_function_that_runs_while_tests_are_collected_is_tried_in_fresh_runs(kinds: Tried) -> None:
    found = kinds.of("factory")
    assert {verdict.mutant for verdict in found} <= {name for order in kinds.orders for name in order.fresh}
    assert outcomes(found) == {"killed"}


def test_decorators_are_tried_in_fresh_runs(kinds: Tried) -> None:
    assert outcomes(kinds.of("managed", "decorator")) == {"killed"}
    assert outcomes(kinds.of("cached", "decorator")) == {"survived"}
    assert outcomes(kinds.of("Kinds.static", "decorator")) == {"survived"}  # a call on the class needs none


def test_a_default_value_is_changed_in_place(kinds: Tried) -> None:
    verdicts = kinds.of("plain", "number")
    assert outcomes(verdicts) == {"killed"}
    assert {verdict.nodeid for verdict in verdicts} == {"test_kinds.py::test_plain"}


def test_each_mutant_is_told_once_as_it_ends_and_nothing_of_the_project_changes(kinds: Tried) -> None:
    assert sorted(one.mutant for one in kinds.told) == sorted(one.mutant for one in kinds.verdicts)
    assert [one.mutant for one in kinds.verdicts] == [one.id for one in kinds.mutants]
    assert snapshot(kinds.root).files == kinds.snapshot.files


def _operator(tried: Tried, verdict: MutantVerdict) -> str:
    return next(mutant.operator for mutant in tried.mutants if mutant.id == verdict.mutant)


# ------------------------------------------------------------------------- the ends


ENDS = """
    import os, signal, time

    def loops(n):
        while n > 0:
            n -= 1
        return n

    def sleeps(seconds=0):
        time.sleep(seconds)
        return True

    def dies(alive):
        if not alive:
            os.kill(os.getpid(), signal.SIGSEGV)
        return True

    def leaves(alive):
        if not alive:
            os._exit(0)
        return True

    def unreached(a):
        return a + 1

    def unchecked(a):
        return a + 1

    def shaky(a):
        return a + 1
    """

ENDS_TESTS = """
    import os
    import pytest
    from ends import dies, leaves, loops, shaky, sleeps, unchecked

    def test_loops():
        assert loops(3) == 0

    def test_sleeps():
        assert sleeps()

    def test_dies():
        assert dies(True)

    def test_leaves():
        assert leaves(True)

    def test_unchecked():
        unchecked(1)

    def test_xfail():
        pytest.skip()

    def test_shaky():
        assert shaky(1) == 2
        assert "AUGMENT_TESTING_TRIED" not in os.environ
    """


@pytest.fixture(scope="module")
def ends(executor: LocalExecutor, write: Callable[[Mapping[str, str]], Path]) -> Tried:
    root = write({"ends.py": ENDS, "test_ends.py": ENDS_TESTS})
    return Tried(executor, root, "ends.py", cpu_floor_s=0.3, wall_floor_s=60.0)


def test_an_endless_loop_is_a_timeout_and_says_so(ends: Tried) -> None:
    verdicts = [one for one in ends.of("loops") if one.outcome is MutantOutcome.TIMEOUT]
    assert verdicts
    assert all(one.nodeid == "test_ends.py::test_loops" and "CPU" in one.detail for one in verdicts)


def test_a_test_that_only_waits_is_a_timeout_too(ends: Tried, executor: LocalExecutor) -> None:
    mutant = next(one for one in ends.mutants if one.target == "ends:sleeps" and one.operator == "number")
    long = Mutant(**{name: getattr(mutant, name) for name in Mutant.__slots__} | {"replacement": "60"})
    test = "test_ends.py::test_sleeps"
    order = _order(
        ends.root, ends.snapshot, mutants=(long,), tests={long.id: (test,)}, seconds={test: 0.1}, wall_floor_s=0.5
    )
    (verdict,) = executor.mutate(order).verdicts
    assert verdict.outcome is MutantOutcome.TIMEOUT
    assert "ran for more than" in verdict.detail


def test_a_mutant_that_ends_the_process_is_killed(ends: Tried) -> None:
    assert "SIGSEGV" in " ".join(one.detail for one in ends.of("dies", "unary"))
    assert "status 0" in " ".join(one.detail for one in ends.of("leaves", "unary"))
    assert outcomes(ends.of("dies", "unary") + ends.of("leaves", "unary")) == {"killed"}


def test_what_no_test_reaches_or_checks_is_told_apart(ends: Tried) -> None:
    assert outcomes(ends.of("unreached")) == {"no tests"}
    assert outcomes(ends.of("unchecked", "arithmetic")) == {"survived"}


def test_a_test_that_fails_without_a_mutant_kills_none(executor: LocalExecutor, ends: Tried) -> None:
    source = ends.source.replace("return a + 1", "return a + 2")  # as if the test had begun to fail meanwhile
    mutant = next(one for one in ends.mutants if one.target == "ends:shaky" and one.operator == "arithmetic")
    order = _order(
        ends.root,
        ends.snapshot,
        mutants=(mutant,),
        tests={mutant.id: ("test_ends.py::test_shaky",)},
        files={"ends.py": source},
    )
    assert outcomes(list(executor.mutate(order).verdicts)) == {"no tests"}


# --------------------------------------------------------------------- fixtures, limits


def test_fixtures_of_a_module_meet_the_mutant(
    executor: LocalExecutor, write: Callable[[Mapping[str, str]], Path]
) -> None:
    tests = """
        import pytest
        from code_ import made

        @pytest.fixture(scope="module")
        def thing():
            yield made(1)
            assert made(1) == 2

        def test_thing(thing):
            assert thing > -5
        """
    root = write({"code_.py": "def made(a):\n    return a + 1\n", "test_code.py": tests})
    tried = Tried(executor, root, "code_.py")
    assert outcomes(tried.of("made", "arithmetic")) == {"killed"}  # only the clean-up sees it


def test_each_mutant_has_its_own_empty_temporary_folder(
    executor: LocalExecutor, write: Callable[[Mapping[str, str]], Path]
) -> None:
    tests = """
        import pathlib, tempfile
        from left import left

        def test_left(tmp_path):
            assert tmp_path.name == "test_left0"
            assert tmp_path.parent.name == "pytest-0"
            (tmp_path / "x").write_text("x")
            left(1)
        """
    root = write({"left.py": "def left(a):\n    return a + 1 - 2 * 3\n", "test_left.py": tests})
    assert outcomes(Tried(executor, root, "left.py").of("left", "number")) == {"survived"}


def test_threads_of_the_project_make_every_run_fresh(
    executor: LocalExecutor, write: Callable[[Mapping[str, str]], Path]
) -> None:
    code = """
        import threading, time
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()

        def f(a):
            return a + 1
        """
    root = write(
        {"threaded.py": code, "test_threaded.py": "import threaded\ndef test():\n    assert threaded.f(1) == 2\n"}
    )
    assert outcomes(Tried(executor, root, "threaded.py").verdicts) == {"killed"}


def test_a_runner_lost_under_a_mutant_counts_against_that_mutant_only(
    executor: LocalExecutor, write: Callable[[Mapping[str, str]], Path]
) -> None:
    code = """
        import time

        def greedy(a):
            return held(b"x" * (a - 2**28))

        def held(block):
            time.sleep(min(len(block) >> 28, 3))  # long enough to be seen, whatever else the machine does
            return len(block)

        def other(a):
            return a + 1
        """
    tests = """
        from greedy import greedy, other

        def test_greedy():
            assert greedy(2**28 + 1) == 1

        def test_other():
            assert other(1) == 2
        """
    root = write({"greedy.py": code, "test_greedy.py": tests})
    tried = Tried(executor, root, "greedy.py", limits=Limits(test_s=None, memory_bytes=400 * 2**20))
    assert "out of memory" in " ".join(one.detail for one in tried.of("greedy", "arithmetic"))
    assert outcomes(tried.of("other")) == {"killed"}


def test_a_revision_that_is_gone_ends_the_order(executor: LocalExecutor, ends: Tried) -> None:
    files = dict(ends.snapshot.files) | {"ends.py": "0" * 32}
    order = _order(
        ends.root,
        Snapshot.of(files),
        mutants=tuple(ends.mutants[:1]),
        tests={ends.mutants[0].id: ("test_ends.py::test_loops",)},
    )
    result = executor.mutate(order)
    assert result.fault is not None
    assert result.fault.kind is FaultKind.SUPERSEDED
    assert result.verdicts == ()


def test_tests_that_do_not_exist_are_said(executor: LocalExecutor, ends: Tried) -> None:
    mutant = ends.mutants[0]
    gone = _order(ends.root, ends.snapshot, mutants=(mutant,), tests={mutant.id: ("test_gone.py::test_x",)})
    (verdict,) = executor.mutate(gone).verdicts
    assert verdict.outcome is MutantOutcome.NOT_APPLICABLE
    assert "do not exist" in verdict.detail


def test_orders_whose_turn_comes_too_late_are_not_tried() -> None:
    class Once:
        """An executor that notes what it is given."""

        def __init__(self) -> None:
            self.tried: list[str] = []

        def mutate(self, order: MutationOrder, on_outcome: MutantSink | None = None) -> MutationResult:
            self.tried.append(order.id)
            return MutationResult(order.id, tuple(MutantVerdict(one.id, MutantOutcome.KILLED) for one in order.mutants))

    source = "def f(a):\n    return a + 1\n\n\ndef g(a):\n    return a - 1\n"
    mutants = [one for target in targets_of(source, "m", "m.py") for one in mutants_of(source, target)]
    orders = [
        replace(_order(Path("/nowhere"), Snapshot.of({}), mutants=(one,)), id=f"order-{number}")
        for number, one in enumerate(mutants)
    ]
    executor = Once()
    verdicts = audit_mutants(cast(Executor, executor), orders, may_begin=lambda: not executor.tried)
    assert executor.tried == ["order-0"]
    assert [one.mutant for one in verdicts] == [one.id for one in mutants]
    assert [one.outcome for one in verdicts] == [
        MutantOutcome.KILLED,
        *[MutantOutcome.NOT_APPLICABLE] * (len(mutants) - 1),
    ]
