"""Every attack succeeds without a sandbox, where that does no harm, and fails in each tier; nothing outside changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attacks import ATTACKS, EVERYBODY, ROOT, Attack

Drive = Callable[[str, str], dict[str, Any]]
USERS, TIERS = ("root", "ordinary"), ("namespaces", "landlock")

for_users = pytest.mark.parametrize("who", USERS)
for_tiers = pytest.mark.parametrize("tier", TIERS)
for_attacks = pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)


def attacked(drive: Drive, who: str, tier: str) -> dict[str, Any]:
    """What came of the attacks; skipped with the reason where the tier is not to be had."""
    found, described = drive(who, "which")[tier]
    if found != tier:
        pytest.skip(described)
    return drive(who, tier)


HARMLESS = [
    pytest.param(who, attack, id=f"{attack.name}-{who}")
    for attack in ATTACKS
    for who in USERS
    if attack.baseline == EVERYBODY or (attack.baseline, who) == (ROOT, "root")
]


@pytest.mark.parametrize(("who", "attack"), HARMLESS)
def test_without_a_sandbox_it_succeeds(drive: Drive, who: str, attack: Attack) -> None:
    told = drive(who, "off")["attacks"][attack.name]
    assert told["outcome"] == "passed", told


@for_tiers
@for_users
@for_attacks
def test_in_the_sandbox_it_fails(drive: Drive, who: str, tier: str, attack: Attack) -> None:
    told = attacked(drive, who, tier)["attacks"][attack.name]
    assert told["outcome"] in ("failed", "fault"), told
    assert told.get("canary") != "passed"
    assert "could not be confined" not in told["fault"]


@for_tiers
@for_users
def test_nothing_outside_is_changed(drive: Drive, who: str, tier: str) -> None:
    found = attacked(drive, who, tier)
    assert found["changes"] == []
    assert found["output"] <= 2 << 20
