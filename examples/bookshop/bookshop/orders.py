"""A customer's order, from draft to delivery."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from bookshop.books import Book
from bookshop.discounts import Discount, NoDiscount
from bookshop.errors import OrderError
from bookshop.inventory import Inventory
from bookshop.parsing import parse_order_line


class Status(Enum):
    """Where an order stands."""

    DRAFT = "draft"
    PLACED = "placed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


NEXT = {
    Status.DRAFT: {Status.PLACED, Status.CANCELLED},
    Status.PLACED: {Status.SHIPPED, Status.CANCELLED},
    Status.SHIPPED: {Status.DELIVERED},
    Status.DELIVERED: set(),
    Status.CANCELLED: set(),
}


def can_move(current: Status, wanted: Status) -> bool:
    """Whether an order may go from one status straight to another.

    >>> can_move(Status.DRAFT, Status.PLACED), can_move(Status.SHIPPED, Status.CANCELLED)
    (True, False)
    """
    return wanted in NEXT[current]


@dataclass
class Order:
    """What one customer wants: copies of books, and a discount on them."""

    customer: str
    discount: Discount = field(default_factory=NoDiscount)
    lines: dict[str, int] = field(default_factory=dict)
    status: Status = Status.DRAFT

    def add(self, isbn: str, copies: int = 1) -> None:
        """Add copies to a draft."""
        if self.status is not Status.DRAFT:
            raise OrderError(f"an order that is {self.status.value} cannot be changed")
        if copies < 1:
            raise ValueError("at least one copy must be ordered")
        self.lines[isbn] = self.lines.get(isbn, 0) + copies

    def move_to(self, wanted: Status) -> None:
        """Change the status, if that step is allowed."""
        if not can_move(self.status, wanted):
            raise OrderError(f"an order that is {self.status.value} cannot become {wanted.value}")
        self.status = wanted

    def copies(self) -> int:
        """How many copies are ordered in all."""
        return sum(self.lines.values())

    def total(self, prices: dict[str, int]) -> int:
        """What the order costs after the discount, in cents. Raises OrderError for a book without a price."""
        cost = 0
        for isbn, copies in self.lines.items():
            if isbn not in prices:
                raise OrderError(f"no price for {isbn}")
            cost += self.discount.total(prices[isbn], copies)
        return cost

    def place(self, inventory: Inventory) -> None:
        """Reserve every line and place the order. If one line cannot be had, nothing stays reserved."""
        if not self.lines:
            raise OrderError("an empty order cannot be placed")
        reserved: list[tuple[str, int]] = []
        try:
            for isbn, copies in self.lines.items():
                inventory.reserve(isbn, copies)
                reserved.append((isbn, copies))
        except Exception:
            for isbn, copies in reserved:
                inventory.release(isbn, copies)
            raise
        self.move_to(Status.PLACED)


def order_from_text(customer: str, text: str) -> Order:
    """An order from lines such as ``2 x 9780141439518``; blank lines are skipped."""
    order = Order(customer)
    for line in text.splitlines():
        if line.strip():
            isbn, copies = parse_order_line(line)
            order.add(isbn, copies)
    return order


def priority(order: Order, is_member: bool, waiting_days: int) -> str:
    """How soon an order should be packed: ``now``, ``soon`` or ``later``."""
    if order.status is not Status.PLACED:
        return "later"
    if waiting_days > 5 or (is_member and waiting_days > 2):
        return "now"
    if is_member or order.copies() >= 10:
        return "soon"
    return "later"


def receipt(order: Order, books: dict[str, Book]) -> list[str]:
    """The lines of a receipt: one for each book, and the total at the end. Unknown books are shown by their ISBN."""
    result = []
    prices = {}
    for isbn, copies in order.lines.items():
        book = books.get(isbn)
        if book is None:
            result.append(f"{copies} x {isbn} (unknown)")
            continue
        prices[isbn] = book.price
        result.append(f"{copies} x {book.title}: {book.price * copies / 100:.2f}")
    known = Order(order.customer, order.discount, {isbn: order.lines[isbn] for isbn in prices})
    result.append(f"total: {known.total(prices) / 100:.2f}")
    return result
