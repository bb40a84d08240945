# ruff: noqa: PLW0603 - as people write them
"""Module-level state."""

_stock: dict[str, int] = {"apple": 3}
_visits = 0
_log: list[str] = []


def put(name: str, count: int = 1) -> int:
    """Add to the stock."""
    if count < 1:
        raise ValueError("nothing to put in")
    _stock[name] = _stock.get(name, 0) + count
    _log.append(f"+{count} {name}")
    return _stock[name]


def visit() -> str:
    """Count a visit."""
    global _visits
    _visits += 1
    return "first" if _visits == 1 else f"visit {_visits}"
