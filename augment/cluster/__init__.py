"""Start Ray or attach to it, and look before leaping."""

from augment.cluster.attach import Connection, check_cluster, connect, disconnect, find_address
from augment.cluster.preflight import ModelNeed

__all__ = ["Connection", "ModelNeed", "check_cluster", "connect", "disconnect", "find_address"]
