"""Classes of attrs."""

import attrs


@attrs.define
class Account:
    """Money that somebody has."""

    owner: str
    balance: int = attrs.field(default=0, validator=attrs.validators.instance_of(int))
    history: list[int] = attrs.Factory(list)

    def deposit(self, amount: int) -> int:
        """Put money in."""
        if amount <= 0:
            raise ValueError("amount must be positive")
        self.balance += amount
        self.history.append(amount)
        return self.balance


@attrs.frozen
class Point:
    """A place on a grid."""

    x: int
    y: int = attrs.field(default=0)

    def moved(self, dx: int, dy: int = 0) -> "Point":
        """Another place."""
        return attrs.evolve(self, x=self.x + dx, y=self.y + dy)
