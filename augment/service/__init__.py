"""The plain classes behind the actors: watching, planning, coordinating, writing, resources and governing. No Ray."""

from augment.service.behaviour import UNCHANGED, BehaviourWatch
from augment.service.controls import ControlPolicy, Controls
from augment.service.coordinating import SUITE, TESTED, TESTED_REVISION, UNSETTLED, Coordinator, Notebook
from augment.service.governing import Governor, GovernorState, Lease, Where
from augment.service.idle import IdleLoop, Ranked
from augment.service.living import Living, LivingPolicy
from augment.service.outcomes import Outcomes
from augment.service.rerun_batches import RerunBatches
from augment.service.rerun_chore import FlakinessChore, FlakinessPolicy
from augment.service.resources import ResourceMonitor, tells_more
from augment.service.revisions import Sources, state_folder
from augment.service.watching import Watcher
from augment.service.writing import SURVIVORS, TARGETS_AT_ONCE, ModelState, Writer, Wrote

__all__ = [
    "SUITE",
    "SURVIVORS",
    "TARGETS_AT_ONCE",
    "TESTED",
    "TESTED_REVISION",
    "UNCHANGED",
    "UNSETTLED",
    "BehaviourWatch",
    "ControlPolicy",
    "Controls",
    "Coordinator",
    "FlakinessChore",
    "FlakinessPolicy",
    "Governor",
    "GovernorState",
    "IdleLoop",
    "Lease",
    "Living",
    "LivingPolicy",
    "ModelState",
    "Notebook",
    "Outcomes",
    "Ranked",
    "RerunBatches",
    "ResourceMonitor",
    "Sources",
    "Watcher",
    "Where",
    "Writer",
    "Wrote",
    "state_folder",
    "tells_more",
]
