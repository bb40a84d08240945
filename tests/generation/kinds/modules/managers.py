"""Context managers: of a function, of a class, and asynchronous."""

from contextlib import asynccontextmanager, contextmanager


@contextmanager
def section(log: list[str], name: str):
    """Note when a section begins and how it ends."""
    log.append(f"begin {name}")
    try:
        yield len(log)
    except ValueError as error:
        log.append(f"{name} failed: {error}")
        raise
    else:
        log.append(f"end {name}")


class Transaction:
    """Takes back what was put in when something fails."""

    def __init__(self, items: list[int]):
        self.items = items
        self.state = "new"

    def __enter__(self) -> "Transaction":
        self.state = "open"
        self._before = list(self.items)
        return self

    def __exit__(self, kind, error, trace) -> bool:
        if kind is None:
            self.state = "done"
            return False
        self.items[:] = self._before
        self.state = "undone"
        return kind is KeyError


@asynccontextmanager
async def lease(pool: list[str], name: str):
    """Take a name out of the pool for a while."""
    if name in pool:
        pool.remove(name)
    yield name.upper()
    pool.append(name)
