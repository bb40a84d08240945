"""The plain classes behind the actors: watching, planning, coordinating, writing, resources and governing. No Ray."""

from augment.service.coordinating import Coordinator, Notebook
from augment.service.governing import Governor, GovernorState, Lease
from augment.service.resources import ResourceMonitor
from augment.service.revisions import Sources, state_folder
from augment.service.watching import Watcher
from augment.service.writing import TARGETS_AT_ONCE, ModelState, Writer

__all__ = [
    "TARGETS_AT_ONCE",
    "Coordinator",
    "Governor",
    "GovernorState",
    "Lease",
    "ModelState",
    "Notebook",
    "ResourceMonitor",
    "Sources",
    "Watcher",
    "Writer",
    "state_folder",
]
