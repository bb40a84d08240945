"""Start Ray or attach to it, and look before leaping."""

from augment.cluster.attach import Connection, connect, disconnect, find_address

__all__ = ["Connection", "connect", "disconnect", "find_address"]
