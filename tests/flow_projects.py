"""Small projects whose flows the tests of analysis and generation follow, as file names and sources."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from augment.analysis import ContextBuilder, TargetContext, discover_project, targets_of

CLICK = {
    "tasks/__init__.py": "",
    "tasks/storage.py": """
        import json
        from pathlib import Path


        def load_tasks(path):
            path = Path(path)
            return json.loads(path.read_text()) if path.exists() else []


        def save_tasks(path, tasks):
            Path(path).write_text(json.dumps(tasks))
        """,
    "tasks/cli.py": """
        import os

        import click

        from .storage import load_tasks, save_tasks


        def store_path():
            return os.environ.get("TASKS_FILE", "tasks.json")


        @click.group()
        @click.option("--verbose/--quiet", default=False)
        def cli(verbose):
            pass


        @cli.command()
        @click.argument("title")
        @click.option("--priority", "-p", type=click.IntRange(1, 3), default=1)
        def add(title, priority):
            tasks = load_tasks(store_path())
            tasks.append([title, priority])
            save_tasks(store_path(), tasks)
            click.echo(f"added {title}")


        @click.command("list")
        @click.option("--format", "format_", type=click.Choice(["text", "count"]), default="text")
        def list_tasks(format_):
            tasks = load_tasks(store_path())
            if format_ == "count":
                click.echo(len(tasks))
            for title, priority in tasks:
                click.echo(f"{priority} {title}")


        cli.add_command(list_tasks)
        """,
}
TYPER = {
    "stock/__init__.py": "",
    "stock/units.py": """
        from enum import Enum


        class Unit(str, Enum):
            PIECE = "piece"
            BOX = "box"


        def count(amount: int, unit: Unit) -> int:
            return amount * 12 if unit is Unit.BOX else amount
        """,
    "stock/main.py": """
        from pathlib import Path
        from typing import Annotated

        import typer

        from stock.units import Unit, count

        app = typer.Typer()


        @app.command()
        def put(name: str, amount: int = typer.Argument(1), unit: Unit = Unit.PIECE, loud: bool = False):
            typer.echo(f"{name}: {count(amount, unit)}")


        @app.command("read")
        def read_all(
            source: Annotated[Path, typer.Argument(exists=True)], limit: Annotated[int, typer.Option("--most")] = 5
        ):
            typer.echo(source.read_text()[:limit])
        """,
}
ARGPARSE = {
    "stats/__init__.py": "",
    "stats/figures.py": """
        def totals(rows):
            found = {}
            for row in rows:
                found[row["category"]] = found.get(row["category"], 0.0) + float(row["amount"])
            return found
        """,
    "stats/main.py": """
        import argparse
        import csv
        import sys

        from stats.figures import totals


        def build_parser():
            parser = argparse.ArgumentParser(prog="stats")
            commands = parser.add_subparsers(dest="command", required=True)
            command = commands.add_parser("show")
            command.add_argument("file")
            command.add_argument("--sort", choices=["name", "amount"], default="name")
            command = commands.add_parser("version")
            command.add_argument("--short", action="store_true")
            return parser


        def main(argv=None):
            args = build_parser().parse_args(argv)
            if args.command == "version":
                print("1" if args.short else "stats 1")
                return 0
            with open(args.file, newline="") as file:
                for name, amount in totals(csv.DictReader(file)).items():
                    print(name, amount)
            return 0


        def script():
            sys.exit(main())
        """,
}
FLASK = {
    "shop/__init__.py": """
        from flask import Flask

        from .orders import bp as orders


        def create_app(config=None):
            app = Flask(__name__)
            app.register_blueprint(orders, url_prefix="/orders")

            @app.get("/health")
            def health():
                return {"status": "ok"}

            return app
        """,
    "shop/prices.py": """
        PRICES = {"apple": 0.5, "pear": 0.75}


        def total(item: str, amount: int) -> float:
            return PRICES.get(item, 1.0) * amount
        """,
    "shop/orders.py": """
        from flask import Blueprint, jsonify, request

        from .prices import total

        bp = Blueprint("orders", __name__)
        ORDERS = {}


        @bp.route("/", methods=["POST"])
        def create():
            data = request.get_json()
            if "item" not in data:
                return jsonify(error="item is missing"), 400
            number = len(ORDERS) + 1
            ORDERS[number] = total(data["item"], int(data.get("amount", 1)))
            return jsonify(id=number), 201


        @bp.get("/<int:number>")
        def show(number):
            return jsonify(total=ORDERS[number])
        """,
}
FASTAPI = {
    "notes/__init__.py": "",
    "notes/models.py": """
        from datetime import date

        from pydantic import BaseModel


        class NoteIn(BaseModel):
            title: str
            due: date | None = None
            tags: list[str] = []


        class Note(NoteIn):
            id: int
        """,
    "notes/storage.py": """
        from notes.models import Note, NoteIn


        class Notes:
            def __init__(self):
                self._notes = {}

            def add(self, given: NoteIn) -> Note:
                note = Note(id=len(self._notes) + 1, **given.model_dump())
                self._notes[note.id] = note
                return note

            def get(self, number: int) -> Note | None:
                return self._notes.get(number)


        notes = Notes()
        """,
    "notes/searching.py": """
        from notes.models import Note


        def matches(note: Note, text: str) -> bool:
            return text.lower() in note.title.lower()
        """,
    "notes/routers.py": """
        from typing import Annotated

        from fastapi import APIRouter, Depends, HTTPException

        from notes.models import Note, NoteIn
        from notes.storage import Notes, notes

        router = APIRouter(prefix="/notes")


        def storage() -> Notes:
            return notes


        Storage = Annotated[Notes, Depends(storage)]


        @router.post("", status_code=201)
        def create(given: NoteIn, storage: Storage) -> Note:
            return storage.add(given)


        @router.get("/{number}")
        def show(number: int, storage: Storage, short: bool = False) -> Note:
            note = storage.get(number)
            if note is None:
                raise HTTPException(404, "no such note")
            return note
        """,
    "notes/app.py": """
        from fastapi import FastAPI

        from notes.routers import router

        app = FastAPI()
        app.include_router(router)
        """,
}
SQLITE = {
    "library/__init__.py": "",
    "library/database.py": '''
        import sqlite3

        SCHEMA = """
        CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT);
        CREATE TABLE loans (id INTEGER PRIMARY KEY, book_id INTEGER, reader TEXT);
        """


        def connect(path: str = "library.db") -> sqlite3.Connection:
            return sqlite3.connect(path)


        def create_schema(connection: sqlite3.Connection) -> None:
            connection.executescript(SCHEMA)
        ''',
    "library/books.py": """
        import sqlite3


        class Books:
            def __init__(self, connection: sqlite3.Connection):
                self.connection = connection

            def add(self, title: str) -> int:
                return self.connection.execute("INSERT INTO books (title) VALUES (?)", (title,)).lastrowid

            def title(self, book_id: int) -> str | None:
                row = self.connection.execute("SELECT title FROM books WHERE id = ?", (book_id,)).fetchone()
                return row[0] if row else None
        """,
    "library/loans.py": """
        import sqlite3

        from library.books import Books


        class Loans:
            def __init__(self, connection: sqlite3.Connection, books: Books):
                self.connection = connection
                self.books = books

            def lend(self, book_id: int, reader: str) -> int:
                if self.books.title(book_id) is None:
                    raise LookupError(f"no book {book_id}")
                cursor = self.connection.execute(
                    "INSERT INTO loans (book_id, reader) VALUES (?, ?)", (book_id, reader)
                )
                return cursor.lastrowid


        def readers(connection) -> list:
            return [row[0] for row in connection.execute("SELECT reader FROM loans").fetchall()]
        """,
}
ALCHEMY = {
    "shelf/__init__.py": "",
    "shelf/models.py": """
        from sqlalchemy import ForeignKey
        from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


        class Base(DeclarativeBase):
            pass


        class Book(Base):
            __tablename__ = "books"
            id: Mapped[int] = mapped_column(primary_key=True)
            title: Mapped[str]


        class Loan(Base):
            __tablename__ = "loans"
            id: Mapped[int] = mapped_column(primary_key=True)
            book_id: Mapped[int] = mapped_column(ForeignKey("books.id"))
            reader: Mapped[str]
        """,
    "shelf/books.py": """
        from sqlalchemy import select
        from sqlalchemy.orm import Session

        from shelf.models import Book


        def add_book(session: Session, title: str) -> int:
            book = Book(title=title)
            session.add(book)
            session.flush()
            return book.id


        def titles(session: Session) -> list[str]:
            return list(session.scalars(select(Book.title).order_by(Book.title)))
        """,
    "shelf/loans.py": """
        from sqlalchemy import select
        from sqlalchemy.orm import Session

        from shelf.models import Book, Loan


        def lend(session: Session, book_id: int, reader: str) -> int:
            if session.get(Book, book_id) is None:
                raise LookupError(f"no book {book_id}")
            loan = Loan(book_id=book_id, reader=reader)
            session.add(loan)
            session.flush()
            return loan.id


        def readers(session: Session) -> list[str]:
            return list(session.scalars(select(Loan.reader).order_by(Loan.id)))
        """,
}
DATA = {
    "orders/__init__.py": "",
    "orders/model.py": """
        from dataclasses import dataclass


        @dataclass
        class Order:
            item: str
            amount: int

            def doubled(self) -> "Order":
                return Order(self.item, self.amount * 2)
        """,
    "orders/parsing.py": """
        from pathlib import Path

        from orders.model import Order


        def parse_order(text: str) -> Order:
            item, _, amount = text.partition(":")
            return Order(item, int(amount or 1))


        def save_order(path: Path, order: Order) -> None:
            path.write_text(f"{order.item}:{order.amount}")


        def load_order(path: Path) -> Order:
            return parse_order(path.read_text())
        """,
    "orders/pricing.py": """
        from orders.model import Order
        from orders.parsing import parse_order


        def price(order: Order, each: float = 2.0) -> float:
            return order.amount * each


        def words(text):
            return text.split()


        def quote(text: str) -> float:
            order = parse_order(text)
            return price(order)
        """,
}


def contexts(folder: Path, files: Mapping[str, str]) -> dict[str, TargetContext]:
    """The contexts of every target of a project by id; tests and conftests among ``files`` have no targets."""
    write(folder, files)
    sources = {name: textwrap.dedent(source).lstrip("\n") for name, source in files.items()}
    builder = ContextBuilder(discover_project(folder), sources)
    modules = {name: name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in sources}
    own = [name for name in sources if not name.startswith("tests/")]
    targets = [target for name in own for target in targets_of(sources[name], modules[name], name)]
    return {target.id: builder.build(target) for target in targets}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """The project on disk."""
    for name, source in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source).lstrip("\n"))
    return folder
