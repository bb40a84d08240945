"""A small bookshop: stock, prices, orders and deliveries."""

__version__ = "1.0.0"
