"""The ways through a project that analysis finds: commands, routes, databases, files and chains."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from flow_projects import ARGPARSE, CLICK, DATA, FASTAPI, FLASK, SQLITE, TYPER, contexts

from augment.analysis import (
    BodyKind,
    Chain,
    CommandFlow,
    FileFlow,
    OptionType,
    ParserFlow,
    RouteFlow,
    StoreFlow,
    StoreHandle,
)


def flows(folder: Path, files: dict[str, str], target: str, kind: type) -> list:
    """The flows of one kind that pass a target."""
    return [flow for flow in contexts(folder, files)[target].flows if isinstance(flow, kind)]


# --------------------------------------------------------------------------- commands


def test_a_click_command_is_reached_through_its_group_with_its_options(tmp_path: Path) -> None:
    [flow] = flows(tmp_path, CLICK, "tasks.cli:add", CommandFlow)

    assert (flow.framework, flow.module, flow.name) == ("click", "tasks.cli", "cli")
    assert [level.word for level in flow.levels] == ["", "add"]
    title, priority = sorted(flow.levels[1].options, key=lambda option: option.flag)
    assert (title.flag, title.required, title.type) == ("", True, OptionType.TEXT)
    assert (priority.flag, priority.type, priority.default) == ("--priority", OptionType.INTEGER, "1")
    assert flow.modules == ("tasks.cli", "tasks.storage")


def test_a_command_added_by_add_command_keeps_its_name_and_follows_one_that_adds(tmp_path: Path) -> None:
    [flow] = flows(tmp_path, CLICK, "tasks.cli:list_tasks", CommandFlow)

    assert [level.word for level in flow.levels] == ["", "list"]
    assert flow.levels[1].options[0].choices == ("text", "count")
    assert [levels[-1].word for levels in flow.before] == ["add"]


def test_functions_below_a_command_are_tested_through_it(tmp_path: Path) -> None:
    found = flows(tmp_path, CLICK, "tasks.storage:save_tasks", CommandFlow)

    assert [flow.levels[-1].word for flow in found] == ["add"]


def test_typer_options_are_read_from_annotations_and_defaults(tmp_path: Path) -> None:
    [flow] = flows(tmp_path, TYPER, "stock.main:put", CommandFlow)

    name, amount, unit, loud = flow.levels[-1].options
    assert (name.flag, name.required) == ("", True)
    assert (amount.flag, amount.required, amount.type) == ("", False, OptionType.INTEGER)
    assert unit.choices == ("piece", "box")
    assert (loud.flag, loud.off, loud.type) == ("--loud", "--no-loud", OptionType.FLAG)


def test_typer_annotated_arguments_and_renamed_options(tmp_path: Path) -> None:
    [flow] = flows(tmp_path, TYPER, "stock.main:read_all", CommandFlow)

    assert flow.levels[-1].word == "read"
    source, limit = flow.levels[-1].options
    assert (source.flag, source.type, source.required) == ("", OptionType.FILE, True)
    assert (limit.flag, limit.required) == ("--most", False)


def test_argparse_sub_commands_share_a_variable_and_keep_their_own_options(tmp_path: Path) -> None:
    found = flows(tmp_path, ARGPARSE, "stats.main:main", ParserFlow)

    assert all(flow.takes_words and not flow.exits for flow in found)
    ways = {flow.levels[-1].word: [option.name for option in flow.levels[-1].options] for flow in found}
    assert ways == {"show": ["file", "sort"], "version": ["short"]}


def test_a_decorator_that_is_named_command_but_belongs_to_nothing_known_is_none(tmp_path: Path) -> None:
    files = {"bot.py": "from somewhere import bot\n\n\n@bot.command()\ndef ping(context):\n    return 'pong'\n"}

    assert flows(tmp_path, files, "bot:ping", CommandFlow) == []


# --------------------------------------------------------------------------- routes


def test_a_blueprint_imported_under_another_name_has_the_prefix_it_is_registered_with(tmp_path: Path) -> None:
    [flow] = flows(tmp_path, FLASK, "shop.orders:create", RouteFlow)

    assert (flow.application.framework, flow.application.module, flow.application.name) == (
        "flask",
        "shop",
        "create_app",
    )
    assert (flow.route.method, flow.route.path, flow.route.kind) == ("post", "/orders/", BodyKind.JSON)
    assert {field.name: field.required for field in flow.route.body} == {"item": True, "amount": False}
    assert set(flow.modules) >= {"shop", "shop.orders", "shop.prices"}


def test_path_parameters_of_flask_have_the_types_of_their_converters(tmp_path: Path) -> None:
    [flow] = flows(tmp_path, FLASK, "shop.orders:show", RouteFlow)

    assert flow.route.path == "/orders/{number}"
    assert [(field.name, field.annotation) for field in flow.route.parameters] == [("number", "int")]


def test_a_handler_inside_a_factory_belongs_to_the_factory(tmp_path: Path) -> None:
    [flow] = flows(tmp_path, FLASK, "shop:create_app", RouteFlow)

    assert (flow.route.path, flow.entry.target.qualname) == ("/health", "create_app")


def test_fastapi_takes_body_query_and_path_from_the_signature_and_leaves_dependencies_out(tmp_path: Path) -> None:
    [creating] = flows(tmp_path, FASTAPI, "notes.routers:create", RouteFlow)
    [showing] = flows(tmp_path, FASTAPI, "notes.routers:show", RouteFlow)

    assert [field.name for field in creating.route.body] == ["title", "due", "tags"]
    assert creating.route.query == ()
    assert showing.route.path == "/notes/{number}"
    assert [field.name for field in showing.route.query] == ["short"]
    assert "notes.storage" in showing.modules


# --------------------------------------------------------------------------- databases, files, chains


def test_calls_over_a_database_begin_with_what_makes_the_thing_that_they_ask_for(tmp_path: Path) -> None:
    found = flows(tmp_path, SQLITE, "library.loans:Loans.lend", StoreFlow)

    first = found[0]
    assert first.handle is StoreHandle.CONNECTION
    assert first.opener.target.qualname == "connect"
    assert first.prepare.target.qualname == "create_schema"
    assert [step.target.qualname for step in first.steps][:2] == ["Books.add", "Loans.lend"]


def test_a_reader_of_a_table_comes_after_what_writes_to_it(tmp_path: Path) -> None:
    found = flows(tmp_path, SQLITE, "library.loans:readers", StoreFlow)

    assert [step.target.qualname for step in found[0].steps] == ["Books.add", "Loans.lend", "readers"]


def test_what_writes_a_file_is_paired_with_what_reads_it(tmp_path: Path) -> None:
    [flow] = flows(tmp_path, DATA, "orders.parsing:save_order", FileFlow)

    assert (flow.entry.target.qualname, flow.written_to) == ("save_order", "path")
    assert (flow.reader.target.qualname, flow.read_from) == ("load_order", "path")
    assert flow.modules == ("orders.parsing", "orders.model")


def test_chains_are_found_in_code_that_passes_results_on(tmp_path: Path) -> None:
    found = flows(tmp_path, DATA, "orders.pricing:price", Chain)

    ways = [([step.target.qualname for step in flow.steps], flow.links) for flow in found]
    assert ways[0] == (["parse_order", "price"], ("order",))
    assert (["parse_order", "Order.doubled", "price"], ("", "order")) in ways


def test_code_that_names_do_not_tell_apart_is_still_a_chain_when_a_caller_shows_it(tmp_path: Path) -> None:
    files = {
        "a.py": "def split(text):\n    return text.split()\n",
        "b.py": "def count(words):\n    return len(words)\n",
        "tests/test_x.py": "from a import split\nfrom b import count\n\n\ndef test_x():\n    parts = split('a b')\n"
        "    assert count(parts) == 2\n",
    }
    found = flows(tmp_path, {key: files[key] for key in ("a.py", "b.py")}, "b:count", Chain)
    assert found == []
    shown = [flow for flow in contexts(tmp_path, files)["b:count"].flows if isinstance(flow, Chain)]
    assert [step.target.id for step in shown[0].steps] == ["a:split", "b:count"]


def test_a_test_project_without_flows_has_none(tmp_path: Path) -> None:
    files = {"shop.py": "def price(amount):\n    return amount * 2\n"}

    assert contexts(tmp_path, files)["shop:price"].flows == ()


# --------------------------------------------------------------------------- situations


STATE = {
    "state.py": """
        import itertools
        from pathlib import Path

        CACHE = {}
        NAMES = ("a", "b")
        IDS = itertools.count(1)
        DB_PATH = "data.db"
        SETTINGS_FILE = Path.home() / ".settings.json"
        total = 0


        def remember(key):
            CACHE[key] = next(IDS)
            return CACHE[key], NAMES


        def settings():
            return SETTINGS_FILE.read_text() + open(DB_PATH).read()


        def count():
            global total
            total += 1
            return total
        """,
    "cli.py": """
        import os

        import click

        from state import count, remember, settings


        @click.command()
        @click.argument("key")
        def run(key):
            folder = os.environ["DATA_DIR"]
            level = os.getenv("LEVEL")
            open("out.txt", "w").write(settings())
            click.echo(f"{remember(key)} {count()} {folder} {level}")
        """,
}


def test_state_settings_environment_and_relative_files_are_put_in_place(tmp_path: Path) -> None:
    [flow] = flows(tmp_path, STATE, "cli:run", CommandFlow)

    values = {item.places: item.value for item in flow.situation.replacements}
    assert values == {
        ("state.SETTINGS_FILE",): "tmp_path / '.settings.json'",
        ("state.DB_PATH",): "str(tmp_path / 'data.db')",
        ("state.CACHE",): "{}",
        ("state.IDS",): "itertools.count(1)",
        ("state.total",): "0",
    }
    assert ("state.NAMES",) not in values
    assert dict(flow.situation.environment) == {"DATA_DIR": "str(tmp_path)", "LEVEL": ""}
    assert flow.situation.in_folder


@pytest.mark.parametrize(
    ("line", "called"),
    [
        ("return make().total()", "model:Cart.total"),
        ("cart = Cart()\n    return cart.total()", "model:Cart.total"),
        ("return Shop().cart.total()", "model:Cart.total"),
    ],
)
def test_methods_are_followed_through_results_variables_and_attributes(tmp_path: Path, line: str, called: str) -> None:
    model = """
        class Cart:
            def total(self) -> int:
                return 0


        class Shop:
            def __init__(self):
                self.cart = Cart()


        def make() -> Cart:
            return Cart()
        """
    use = "import click\n\nfrom model import Cart, Shop, make\n\n\n@click.command()\ndef run():\n    " + line + "\n"
    found = contexts(tmp_path, {"model.py": textwrap.dedent(model), "use.py": use})[called].flows

    assert any(isinstance(flow, CommandFlow) and flow.entry.target.id == "use:run" for flow in found)


def test_what_a_typer_callback_runs_is_part_of_every_command(tmp_path: Path) -> None:
    files = {
        "app.py": """
            from pathlib import Path

            import typer

            app = typer.Typer()
            DEFAULT_FILE = Path.home() / "stock.json"


            @app.callback()
            def setup(ctx: typer.Context):
                ctx.obj = DEFAULT_FILE.exists()


            @app.command()
            def low(ctx: typer.Context):
                typer.echo(ctx.obj)
            """,
    }
    [flow] = flows(tmp_path, files, "app:low", CommandFlow)

    assert [item.places for item in flow.situation.replacements] == [("app.DEFAULT_FILE",)]


def test_a_type_alias_that_names_itself_ends(tmp_path: Path) -> None:
    files = {"a.py": "Tree = dict[str, 'Tree']\n\n\ndef size(tree: Tree) -> int:\n    return len(tree)\n"}

    assert contexts(tmp_path, files)["a:size"].flows == ()
