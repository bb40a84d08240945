"""Dataclasses."""

from dataclasses import dataclass, field


@dataclass(frozen=True, order=True)
class Money:
    """An amount in a currency."""

    cents: int
    currency: str = "EUR"

    def __post_init__(self):
        if len(self.currency) != 3:
            raise ValueError("a currency has three letters")

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise TypeError("two currencies")
        return Money(self.cents + other.cents, self.currency)


@dataclass
class Order:
    """What somebody wants to buy."""

    customer: str
    lines: list[Money] = field(default_factory=list)
    note: str = ""

    def add(self, price: Money, count: int = 1) -> int:
        """Add one price several times; how many lines there are."""
        self.lines.extend([price] * count)
        return len(self.lines)

    def total(self) -> int:
        """All lines together, in cents."""
        return sum(line.cents for line in self.lines)
