"""Functions that leave things to chance."""

import random
import secrets
import uuid


def rolled(sides: int = 6, count: int = 2) -> list[int]:
    """Some dice."""
    if sides < 2:
        raise ValueError("a die has two sides at least")
    return [random.randint(1, sides) for _ in range(count)]


def ticket(prefix: str) -> str:
    """A name that nobody has."""
    return f"{prefix}-{secrets.token_hex(4)}"


def labelled(text: str) -> dict[str, str]:
    """A text with a name of its own."""
    return {"id": str(uuid.uuid4()), "text": text.strip()}
