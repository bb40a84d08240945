"""Properties and descriptors."""

from functools import cached_property


class Thermometer:
    """A temperature in two units."""

    def __init__(self, celsius: float = 20.0):
        self.celsius = celsius

    @property
    def fahrenheit(self) -> float:
        """The temperature in degrees Fahrenheit."""
        return self.celsius * 9 / 5 + 32

    @fahrenheit.setter
    def fahrenheit(self, value: float) -> None:
        if value < -459.67:
            raise ValueError("below absolute zero")
        self.celsius = (value - 32) * 5 / 9

    @cached_property
    def label(self) -> str:
        """What it feels like."""
        return "warm" if self.celsius > 15 else "cold"


class Bounded:
    """A number that is kept between two bounds."""

    def __init__(self, low: int = 0, high: int = 10):
        self.low = low
        self.high = high
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = "_" + name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        return getattr(instance, self.name, self.low)

    def __set__(self, instance, value: int) -> None:
        if value > self.high:
            raise ValueError(f"more than {self.high}")
        setattr(instance, self.name, max(self.low, value))
