"""What tests do to the project's files while they run."""

from __future__ import annotations

import pytest

from augment.analysis import is_test_file
from augment.records import Snapshot
from augment.service.litter import Litter, outdates

BEFORE = Snapshot.of({"shop.py": "1", "test_shop.py": "1", "log.txt": "1", "pyproject.toml": "1"})


def after(**changed: str | None) -> Snapshot:
    files = {**BEFORE.files, **{name.replace("__", "."): digest for name, digest in changed.items()}}
    return Snapshot.of({name: digest for name, digest in files.items() if digest is not None})


@pytest.mark.parametrize(
    ("newer", "ends", "ends_what_follows"),
    [
        (after(shop__py="2"), True, True),
        (after(shop__py=None), True, True),
        (after(pyproject__toml="2"), True, True),
        (after(test_shop__py="2"), False, True),
        (after(log__txt="2"), False, False),
        (after(tmpabc__py="1", core__dump="1"), False, False),
        (after(), False, False),
    ],
)
def test_only_code_that_a_run_is_about_ends_it(newer: Snapshot, ends: bool, ends_what_follows: bool) -> None:
    assert outdates(BEFORE, newer, is_test_file, tests_too=False) is ends
    assert outdates(BEFORE, newer, is_test_file, tests_too=True) is ends_what_follows


def test_a_file_that_changes_in_every_run_is_written_by_the_tests() -> None:
    litter = Litter()
    litter.ran(BEFORE, after(log__txt="2"))
    assert not litter.is_all(["log.txt"])
    litter.ran(after(log__txt="2"), after(log__txt="3"))
    assert litter.is_all(["log.txt"])
    assert not litter.is_all(["log.txt", "shop.py"])
    assert not litter.is_all([])
    litter.ran(BEFORE, BEFORE)
    assert not litter.is_all(["log.txt"])


def test_code_never_counts_as_written_by_tests() -> None:
    litter = Litter()
    for number in range(4):
        litter.ran(BEFORE, after(shop__py=f"{number + 2}"))
    assert not litter.is_all(["shop.py"])
