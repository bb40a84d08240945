"""Models of pydantic."""

from pydantic import BaseModel, Field, field_validator


class Item(BaseModel):
    """One thing for sale."""

    name: str
    price: float = Field(gt=0)
    tags: list[str] = Field(default_factory=list)

    @field_validator("name")
    @classmethod
    def clean(cls, value: str) -> str:
        """Names have no spaces around."""
        value = value.strip()
        if not value:
            raise ValueError("a name is needed")
        return value.title()

    def with_tax(self, rate: float = 0.2) -> float:
        """The price with tax."""
        return round(self.price * (1 + rate), 2)


def cheapest(items: list[Item]) -> Item | None:
    """The item with the lowest price."""
    if not items:
        return None
    return min(items, key=lambda item: item.price)
