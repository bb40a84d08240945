"""What is on the shelves, and what is put aside for customers."""

from __future__ import annotations

from bookshop.errors import OutOfStockError


class Inventory:
    """Numbers of copies by ISBN. Reserved copies are on the shelf but not free."""

    def __init__(self, stock: dict[str, int] | None = None) -> None:
        self._stock: dict[str, int] = {}
        self._reserved: dict[str, int] = {}
        for isbn, count in (stock or {}).items():
            self.add(isbn, count)

    def add(self, isbn: str, count: int = 1) -> int:
        """Put copies on the shelf and return how many there are now."""
        if count < 1:
            raise ValueError("at least one copy must be added")
        self._stock[isbn] = self._stock.get(isbn, 0) + count
        return self._stock[isbn]

    def on_shelf(self, isbn: str) -> int:
        """How many copies there are, reserved ones included."""
        return self._stock.get(isbn, 0)

    def available(self, isbn: str) -> int:
        """How many copies are free."""
        return self.on_shelf(isbn) - self._reserved.get(isbn, 0)

    def remove(self, isbn: str, count: int = 1) -> int:
        """Take free copies off the shelf and return how many are left. Raises OutOfStockError if too few are free."""
        if count < 1:
            raise ValueError("at least one copy must be removed")
        if self.available(isbn) < count:
            raise OutOfStockError(isbn, count, self.available(isbn))
        self._stock[isbn] -= count
        left = self._stock[isbn]
        if left == 0:
            del self._stock[isbn]
        return left

    def reserve(self, isbn: str, count: int = 1) -> None:
        """Put copies aside. Raises OutOfStockError if too few are free."""
        if count < 1:
            raise ValueError("at least one copy must be reserved")
        if self.available(isbn) < count:
            raise OutOfStockError(isbn, count, self.available(isbn))
        self._reserved[isbn] = self._reserved.get(isbn, 0) + count

    def release(self, isbn: str, count: int | None = None) -> int:
        """Free reserved copies, all of them if no count is given, and return how many were freed."""
        held = self._reserved.get(isbn, 0)
        freed = held if count is None else min(count, held)
        if freed == held:
            self._reserved.pop(isbn, None)
        else:
            self._reserved[isbn] = held - freed
        return freed

    def low_stock(self, threshold: int = 3) -> list[str]:
        """The ISBNs with fewer free copies than the threshold, the fewest first."""
        low = [isbn for isbn in self._stock if self.available(isbn) < threshold]
        return sorted(low, key=lambda isbn: (self.available(isbn), isbn))

    def value(self, prices: dict[str, int]) -> int:
        """What the stock is worth in cents; a book without a price counts as nothing."""
        return sum(count * prices.get(isbn, 0) for isbn, count in self._stock.items())

    def merge(self, other: Inventory) -> None:
        """Take over the free copies of another inventory, which keeps only its reserved ones."""
        for isbn in list(other._stock):
            free = other.available(isbn)
            if free > 0:
                other.remove(isbn, free)
                self.add(isbn, free)

    def __len__(self) -> int:
        return len(self._stock)

    def __contains__(self, isbn: object) -> bool:
        return isbn in self._stock


def reorder_quantity(sold_per_week: float, weeks: int, on_hand: int, pack_size: int = 1) -> int:
    """How many copies to order so that they last, in whole packs; none if there are enough.

    >>> reorder_quantity(2.5, 4, 3, pack_size=5)
    10
    """
    if pack_size < 1:
        raise ValueError("a pack holds at least one copy")
    if sold_per_week < 0 or weeks < 0:
        raise ValueError("sales and weeks cannot be negative")
    missing = sold_per_week * weeks - on_hand
    if missing <= 0:
        return 0
    packs = int(missing // pack_size)
    if packs * pack_size < missing:
        packs += 1
    return packs * pack_size
