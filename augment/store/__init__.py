"""Durable records, queries, rollups and exports: where the truth of a project lives.

``Store`` is one SQLite file; ``Reporter`` is the plain class behind the reporter actor, over a Store.
"""

from augment.store.database import StoreError
from augment.store.durable import UnknownJobError
from augment.store.explained import why
from augment.store.findings import UnknownFindingError
from augment.store.flakiness import UnknownTestError
from augment.store.junit import junit_xml, moment, muted_failures
from augment.store.known import ChangeLog, Differing, KnownChanges, KnownCopy
from augment.store.ledger import UnknownAdmissionError
from augment.store.reporter import Reporter
from augment.store.runs import Recorded, UnknownRunError
from augment.store.schema import SCHEMA_VERSION, SchemaError
from augment.store.store import Store

__all__ = [
    "SCHEMA_VERSION",
    "ChangeLog",
    "Differing",
    "KnownChanges",
    "KnownCopy",
    "Recorded",
    "Reporter",
    "SchemaError",
    "Store",
    "StoreError",
    "UnknownAdmissionError",
    "UnknownFindingError",
    "UnknownJobError",
    "UnknownRunError",
    "UnknownTestError",
    "junit_xml",
    "moment",
    "muted_failures",
    "why",
]
