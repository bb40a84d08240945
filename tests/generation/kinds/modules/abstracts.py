"""Abstract classes and protocols."""

from abc import ABC, abstractmethod
from typing import Protocol


class Shape(ABC):
    """Something with an area."""

    @abstractmethod
    def area(self) -> float:
        """How large it is."""

    def compared(self, other: "Shape") -> str:
        """Which of two is larger."""
        if self.area() > other.area():
            return "larger"
        return "smaller" if self.area() < other.area() else "equal"


class Square(Shape):
    """A square."""

    def __init__(self, side: float):
        self.side = side

    def area(self) -> float:
        return self.side * self.side


class Sized(Protocol):
    """Whatever has a weight."""

    def weight(self) -> int: ...


def postage(parcel: Sized, express: bool = False) -> int:
    """What sending costs, in cents."""
    price = 250 if parcel.weight() < 1000 else 600
    return price * 2 if express else price


class Formatter(ABC):
    """Writes values; nothing in the project implements it."""

    @abstractmethod
    def one(self, value: str) -> str:
        """One value."""

    def all(self, values: list[str]) -> str:
        """Every value, in brackets."""
        return "[" + ", ".join(self.one(value) for value in values) + "]"
