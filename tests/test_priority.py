"""What works in the background leaves the processor to others, session by session too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LOWER = """
import os
from augment.priority import lower_session, own_session
print(own_session(), os.getsid(0) == os.getpid(), lower_session(19), open("/proc/self/autogroup").read().split()[-1])
"""


def shares_by_session() -> bool:
    switch = Path("/proc/sys/kernel/sched_autogroup_enabled")
    return switch.exists() and Path("/proc/self/autogroup").exists()


@pytest.mark.skipif(not shares_by_session(), reason="this kernel does not share the cores out by session")
@pytest.mark.parametrize("leads_a_group", [False, True])
def test_a_process_gets_a_session_of_its_own_and_lowers_it(leads_a_group):
    done = subprocess.run(
        [sys.executable, "-c", LOWER],
        capture_output=True,
        text=True,
        check=True,
        process_group=0 if leads_a_group else None,
    )
    assert done.stdout.split() == ["True", "True", "True", "19"]
