"""What the model answers after the module that it was asked about has had its time is judged all the same."""

from __future__ import annotations

from types import SimpleNamespace

from augment.generation.module_work import ModuleWork
from augment.records import Candidate, TestKind

OPEN = "from shop import f\n\n\ndef test_f():\n    assert f(1) == ...\n"


def proposal(target: str) -> Candidate:
    return Candidate(f"c-{target}", target, "model", TestKind.UNIT, OPEN)


def test_only_calls_of_its_own_targets_go_to_the_explorer() -> None:
    fed: list[Candidate] = []
    work = ModuleWork.__new__(ModuleWork)
    work._contexts = [SimpleNamespace(target=SimpleNamespace(id="shop:f"))]  # type: ignore[assignment,list-item]
    work._explorer = SimpleNamespace(feed=fed.extend)  # type: ignore[assignment]
    own, late = proposal("shop:f"), proposal("other:g")
    assert work._fed([own, late]) == [late]
    assert fed == [own]
