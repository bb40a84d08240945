"""A project's day in a few records, fed into a real reporter: what the browser tests look at."""

from __future__ import annotations

import time
from dataclasses import replace

from augment.records import (
    Activity,
    Admission,
    AdmissionState,
    Candidate,
    Fault,
    FaultKind,
    Finding,
    Job,
    Lane,
    Outcome,
    Rejection,
    ResourceSample,
    Run,
    TestKind,
    Verdict,
)
from augment.store import Reporter

FAILURE = """\
    def test_discount_is_capped():
>       assert apply_discount(Decimal("80.00"), percent=120) == Decimal("0.00")
E       AssertionError: assert Decimal('-16.00') == Decimal('0.00')
E        +  where Decimal('-16.00') = apply_discount(Decimal('80.00'), percent=120)

tests/test_pricing.py:31: AssertionError
"""

FINDING = """\
from datetime import date

from shop.dates import business_days


def test_end_is_excluded():
    assert business_days(date(2026, 3, 2), date(2026, 3, 6)) == 4
"""

SOURCE = '''\
"""Written by Augment for shop.pricing:apply_discount."""

from decimal import Decimal

import pytest

from shop.pricing import apply_discount


@pytest.mark.parametrize("percent, expected", [(0, "80.00"), (25, "60.00"), (100, "0.00")])
def test_apply_discount_scales_the_price(percent: int, expected: str) -> None:
    # Each row kills a mutant that no other kept test kills.
    assert apply_discount(Decimal("80.00"), percent) == Decimal(expected)
'''


def admission(number: int, now: float, state: AdmissionState = AdmissionState.KEPT) -> Admission:
    names = ["scales_the_price", "rejects_negative", "rounds_half_up", "keeps_currency", "accepts_zero"]
    name = names[number % len(names)]
    return Admission(
        id=f"adm-{number}",
        nodeid=f"tests/augment/test_pricing_augment.py::test_apply_discount_{name}",
        file="tests/augment/test_pricing_augment.py",
        target="shop.pricing:apply_discount",
        generator="model",
        kind=TestKind.UNIT,
        source=SOURCE,
        lines_gained=4 + number,
        branches_gained=2,
        mutants_killed=3,
        runs=5,
        reason=f"covers {4 + number} new lines and kills 3 mutants",
        created_at=now - 60 * number,
        origin="prompt: skeleton",
        model="Qwen2.5-Coder-1.5B-Instruct",
        state=state,
    )


def history(reporter: Reporter, now: float) -> None:
    """Some runs that are over, the last of which broke a test, and what was written meanwhile."""
    reporter.set_health({"model": "ready", "model_name": "Qwen2.5-Coder-1.5B-Instruct"})
    good = [
        Verdict(f"tests/test_{part}.py::test_{n}", Outcome.PASSED, 0.004 + n / 1000)
        for part in ("cart", "dates")
        for n in range(14)
    ]
    others = [
        Verdict(
            "tests/test_dates.py::TestWeeks::test_leap_year[2024-02-29]", Outcome.SKIPPED, 0.0, "Skipped: no tzdata"
        ),
        Verdict("tests/test_io.py::test_known_gap", Outcome.XFAILED, 0.01),
    ]
    for number, reason in enumerate(["first run of all tests", "saved shop/cart.py", "saved shop/dates.py"]):
        run = Run(f"run-{number}", Lane.FAST, reason, f"4f9c01d2ab{number}", now - 900 + 200 * number)
        reporter.run_started(run)
        reporter.verdicts(run.id, good + others)
        reporter.run_finished(run.id, run.started_at + 0.8)
    idle = Run("run-idle", Lane.IDLE, "sample of deselected tests", "4f9c01d2ab2", now - 120)
    reporter.run_started(idle)
    fault = Fault(FaultKind.TIMEOUT, "no end after 60 s; the process group was killed")
    reporter.verdicts(idle.id, [Verdict("tests/test_io.py::test_slow_socket", Outcome.FAULT, 60.0, fault=fault)])
    reporter.run_finished(idle.id, now - 55)
    broken = Run("run-broken", Lane.FAST, "saved shop/pricing.py", "b81e77c0d214", now - 12)
    reporter.run_started(broken)
    reporter.verdicts(
        broken.id,
        [
            Verdict("tests/test_pricing.py::test_discount_is_capped", Outcome.FAILED, 0.012, FAILURE),
            Verdict("tests/test_pricing.py::test_tax", Outcome.ERROR, 0.002, "E   fixture 'rates' not found"),
            *[replace(verdict, nodeid=verdict.nodeid.replace("cart", "pricing")) for verdict in good[:9]],
        ],
    )
    reporter.run_finished(broken.id, now - 11.6)
    reporter.admitted([admission(number, now) for number in range(4, 0, -1)])
    reporter.admitted([admission(0, now, AdmissionState.HELD)])
    candidate = Candidate("c", "shop.pricing:tax", "model", TestKind.UNIT, "def test_x(): ...")
    gates = ["passes"] * 9 + ["adds coverage"] * 14 + ["stable"] * 2
    reporter.rejected([Rejection(replace(candidate, id=f"c{n}"), gate) for n, gate in enumerate(gates)])
    reporter.finding(
        Finding(
            "fin-1",
            "shop.dates:business_days",
            "business_days counts the end date twice",
            "The docstring says that the end is excluded; for a Monday to a Friday the function returns 5, not 4.",
            FINDING,
            0.8,
            now - 300,
        )
    )
    reporter.enqueue([Job(f"job-{n}", f"shop.cart:add_{n}", Lane.WRITE, "changed", now) for n in range(7)])
    reporter.tokens("Qwen2.5-Coder-1.5B-Instruct", 48211, 13904)
    reporter.activity(Activity("watcher", "watching 14 files", now - 300))
    reporter.activity(Activity("executor", "idle", now - 11))
    reporter.activity(Activity("generator", "asking the model for 8 tests of shop.cart:add_item", now - 4))
    for second in range(0, 600, 2):
        wave = abs((second % 120) - 60) / 60
        reporter.sample(ResourceSample(now - 600 + second, 0.25 + 0.6 * wave, 0.41 + second / 9000, 0.63))


def live_run(reporter: Reporter, number: int, *verdicts: Verdict) -> Run:
    """A whole run that happens now."""
    run = Run(f"run-live-{number}", Lane.FAST, "saved shop/live.py", "c0ffee", time.time())
    reporter.run_started(run)
    reporter.verdicts(run.id, verdicts)
    reporter.run_finished(run.id, time.time())
    return run
