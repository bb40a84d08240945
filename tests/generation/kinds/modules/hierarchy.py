"""Classes that build on each other."""


class Animal:
    """Something that makes a sound."""

    sound = "..."

    def __init__(self, name: str, legs: int = 4):
        self.name = name
        self.legs = legs

    def describe(self) -> str:
        """One sentence."""
        return f"{self.name} says {self.sound}"


class Loud:
    """Makes things louder."""

    def describe(self) -> str:
        return super().describe().upper()


class Dog(Animal):
    """A dog."""

    sound = "woof"

    def __init__(self, name: str, tricks: list[str] | None = None):
        super().__init__(name)
        self.tricks = tricks or []

    def learn(self, trick: str) -> bool:
        """Whether the trick is new."""
        if trick in self.tricks:
            return False
        self.tricks.append(trick)
        return True


class Bloodhound(Loud, Dog):
    """A loud dog."""

    def describe(self) -> str:
        text = super().describe()
        return text + "!" if self.tricks else text
