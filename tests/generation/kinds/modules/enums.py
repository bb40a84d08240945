"""Enumerations."""

from enum import Enum, Flag, auto


class Level(Enum):
    """How urgent something is."""

    LOW = 1
    MIDDLE = 5
    HIGH = 9

    @classmethod
    def of(cls, points: int) -> "Level":
        """The level for a number of points."""
        if points >= 9:
            return cls.HIGH
        return cls.MIDDLE if points >= 5 else cls.LOW

    def raised(self) -> "Level":
        """The next higher level."""
        members = list(Level)
        return members[min(members.index(self) + 1, len(members) - 1)]


class Right(Flag):
    """What somebody may do."""

    READ = auto()
    WRITE = auto()
    OWN = READ | WRITE


def parsed(text: str) -> Right:
    """Rights from letters."""
    right = Right(0)
    for letter in text:
        if letter == "r":
            right |= Right.READ
        elif letter == "w":
            right |= Right.WRITE
        else:
            raise ValueError(f"no right {letter!r}")
    return right
