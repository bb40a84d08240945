from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from augment.analysis import TargetContext
from augment.records import Candidate, Target, TargetKind, TestKind, new_id
from augment.seams import Completion, Request

FILES = {
    "shop/__init__.py": "",
    "shop/errors.py": '''
        class PricingError(ValueError):
            """A price that makes no sense."""
        ''',
    "shop/pricing.py": '''
        import random

        from shop.errors import PricingError

        RATES = {"gold": 0.2, "silver": 0.1}


        def apply_discount(price, level):
            """The price after the discount of a level."""
            if price < 0:
                raise PricingError(f"negative price: {price}")
            if level not in RATES:
                return price
            return price * (1 - RATES[level])


        def lottery():
            """A number nobody can foresee."""
            return random.randint(0, 10**9)


        def loop_forever():
            while True:
                pass
        ''',
}


def text(source: str) -> str:
    return textwrap.dedent(source).lstrip("\n")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A small project without tests."""
    for name, source in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(source))
    return tmp_path


@pytest.fixture
def context() -> TargetContext:
    target = Target("shop.pricing", "apply_discount", TargetKind.FUNCTION, "shop/pricing.py", 8, 14, "h")
    return TargetContext(
        target=target,
        source=text(FILES["shop/pricing.py"]).split("\n\n\n")[1],
        import_line="from shop.pricing import apply_discount",
        call_name="apply_discount",
        module_names=("RATES", "PricingError", "apply_discount", "lottery", "loop_forever"),
        project_names={
            "PricingError": ("shop.errors",),
            "apply_discount": ("shop.pricing",),
            "Cart": ("shop.cart",),
        },
        raises=("shop.errors.PricingError",),
        uncovered_lines=(11,),
    )


@pytest.fixture
def candidate() -> Callable[..., Candidate]:
    def make(source: str, **changes: object) -> Candidate:
        values: dict[str, object] = {
            "id": new_id("cand"),
            "target": "shop.pricing:apply_discount",
            "generator": "model",
            "kind": TestKind.UNIT,
            "source": text(source),
            **changes,
        }
        return Candidate(**values)  # type: ignore[arg-type]

    return make


class CannedEngine:
    """Answers every prompt with the reply whose key is in the prompt's order."""

    def __init__(self, replies: dict[str, str]) -> None:
        self._replies = replies
        self.requests: list[Request] = []

    @property
    def model(self) -> str:
        return "canned"

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        self.requests.extend(requests)
        return [Completion(self._reply(request), 100, 50, "stop") for request in requests]

    def _reply(self, request: Request) -> str:
        order = request.messages[-1].content.split("Write ")[-1]
        return next((reply for key, reply in self._replies.items() if key in order), "I cannot help with that.")


@pytest.fixture
def canned() -> Callable[[dict[str, str]], CannedEngine]:
    return CannedEngine
