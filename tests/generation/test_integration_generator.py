"""What the integration generator proposes, and that what it proposes is kept."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_projects import ALCHEMY, ARGPARSE, CLICK, DATA, FASTAPI, FLASK, SQLITE, TYPER, contexts, write

from augment.analysis import discover_project, project_targets, take_snapshot
from augment.execution import LocalExecutor
from augment.generation import GenerationPass, GenerationSettings, NullSink
from augment.generation.integration import IntegrationGenerator
from augment.generation.static_gates import STATIC_GATES
from augment.records import Candidate, CoverageReport, TestKind

PROJECTS = {
    "click": CLICK,
    "typer": TYPER,
    "argparse": ARGPARSE,
    "flask": FLASK,
    "fastapi": FASTAPI,
    "sqlite": SQLITE,
    "alchemy": ALCHEMY,
    "data": DATA,
}


def propose(folder: Path, files: dict[str, str], target: str, limit: int = 40, seed: int = 1) -> list[Candidate]:
    """The candidates for one target."""
    return IntegrationGenerator().propose(contexts(folder, files)[target], seed, limit)


def body(candidates: list[Candidate], name: str) -> str:
    """The statements of the test called ``name``."""
    for item in candidates:
        for node in ast.parse(item.source).body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return "\n".join(ast.unparse(statement) for statement in node.body)
    raise AssertionError(f"{name} is not among {[item.source.partition('def ')[2][:60] for item in candidates]}")


@pytest.mark.parametrize("name", PROJECTS)
def test_every_candidate_is_one_open_test_that_the_reading_gates_let_pass(tmp_path: Path, name: str) -> None:
    proposed = 0
    for context in contexts(tmp_path, PROJECTS[name]).values():
        for item in IntegrationGenerator().propose(context, 1, 40):
            proposed += 1
            assert "== ..." in item.source
            assert item.target == context.target.id
            objections = [gate.objection(item, context) for gate in STATIC_GATES]
            assert objections == [None] * len(STATIC_GATES), item.source
    assert proposed > 5


@pytest.mark.parametrize("name", PROJECTS)
def test_the_same_seed_gives_the_same_tests(tmp_path: Path, name: str) -> None:
    for context in contexts(tmp_path, PROJECTS[name]).values():
        first, second = (IntegrationGenerator().propose(context, 7, 20) for _ in range(2))
        assert [(item.id, item.source) for item in first] == [(item.id, item.source) for item in second]
        assert IntegrationGenerator().propose(context, 7, 3) == first[:3]


def test_flows_over_several_modules_are_integration_and_a_program_of_one_module_is_unit(tmp_path: Path) -> None:
    several = propose(tmp_path, CLICK, "tasks.cli:add")
    one = propose(
        tmp_path, {"hello.py": "import click\n\n\n@click.command()\ndef hi():\n    click.echo('hi')\n"}, "hello:hi"
    )

    assert {item.kind for item in several} == {TestKind.INTEGRATION}
    assert {item.kind for item in one} == {TestKind.UNIT}


# --------------------------------------------------------------------------- programs


def test_a_command_runs_in_a_folder_of_its_own_after_one_that_adds(tmp_path: Path) -> None:
    text = body(propose(tmp_path, CLICK, "tasks.cli:list_tasks"), "test_add_then_list")

    assert text.splitlines()[0] == "monkeypatch.setenv('TASKS_FILE', str(tmp_path / 'tasks.json'))"
    assert "runner.invoke(cli, ['add', " in text
    assert "result = runner.invoke(cli, ['list'], catch_exceptions=False)" in text
    assert text.endswith("assert result.exit_code == ...\nassert result.output == ...")


def test_every_choice_of_an_option_is_tried_but_its_default(tmp_path: Path) -> None:
    sources = [item.source for item in propose(tmp_path, CLICK, "tasks.cli:list_tasks")]

    assert any("'--format', 'count'" in source for source in sources)
    assert not any("'--format', 'text'" in source for source in sources)


def test_typer_commands_get_their_own_runner_and_files_that_are_there(tmp_path: Path) -> None:
    found = propose(tmp_path, TYPER, "stock.main:read_all")

    assert all("from typer.testing import CliRunner" in item.source for item in found)
    text = body(found, "test_read")
    assert "path.write_text(" in text
    assert "['read', str(path)]" in text


def test_argparse_is_given_words_and_files_with_the_columns_that_its_code_reads(tmp_path: Path) -> None:
    text = body(propose(tmp_path, ARGPARSE, "stats.main:main"), "test_main_show")

    assert "path.write_text('category,amount\\n" in text
    assert "assert main(['show', str(path)]) == ..." in text
    assert text.endswith("assert capsys.readouterr().out == ...")


# --------------------------------------------------------------------------- web


def test_a_flask_route_is_asked_through_the_factory_with_a_body_of_the_keys_it_reads(tmp_path: Path) -> None:
    text = body(propose(tmp_path, FLASK, "shop.orders:create"), "test_post_orders")

    assert "monkeypatch.setattr('shop.orders.ORDERS', {})" in text
    assert "client = app.test_client()" in text
    assert "response = client.post('/orders/', json={'item': 'apple'})" in text
    assert text.endswith("assert response.status_code == ...\nassert response.get_json() == ...")


def test_what_a_route_shows_is_made_first_through_the_route_that_creates(tmp_path: Path) -> None:
    flask = body(propose(tmp_path, FLASK, "shop.orders:show"), "test_post_orders_then_get_orders_by_number")
    fastapi = body(propose(tmp_path, FASTAPI, "notes.routers:show"), "test_post_notes_then_get_notes_by_number")

    assert "response = client.get('/orders/1')" in flask
    assert "monkeypatch.setattr('notes.routers.notes', Notes())" in fastapi
    assert "client.post('/notes', json={'title': 'my-blog-post'})\nresponse = client.get('/notes/1')" in fastapi


def test_bodies_of_models_are_json(tmp_path: Path) -> None:
    text = body(propose(tmp_path, FASTAPI, "notes.routers:create"), "test_post_notes_with_everything")

    call = next(
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "client.post"
    )
    sent = ast.literal_eval(next(word.value for word in call.keywords if word.arg == "json"))
    assert sent["due"] == "2024-02-29"
    assert len(sent["tags"]) == 2


def test_a_client_of_the_projects_own_fixtures_is_used_first(tmp_path: Path) -> None:
    conftest = "import pytest\n\n\n@pytest.fixture\ndef client():\n    return None\n"
    found = propose(tmp_path, FASTAPI | {"tests/conftest.py": conftest}, "notes.routers:create")

    assert "def test_post_notes_then_post_notes(client, monkeypatch)" in found[0].source


# --------------------------------------------------------------------------- data


def test_a_database_is_opened_and_prepared_by_the_project_and_numbers_come_from_what_was_made(tmp_path: Path) -> None:
    found = propose(tmp_path, SQLITE, "library.loans:readers")
    text = body(found, "test_add_then_lend_then_readers")

    assert text.splitlines()[:2] == ["connection = connect(':memory:')", "create_schema(connection)"]
    assert "lend(result, " in text
    assert text.endswith("assert readers(connection) == ...")


def test_a_session_is_made_over_a_database_in_memory_with_the_tables_of_the_project(tmp_path: Path) -> None:
    found = propose(tmp_path, ALCHEMY, "shelf.loans:readers")
    text = body(found, "test_add_book_then_lend_then_readers")

    assert text.splitlines()[:3] == [
        "engine = create_engine('sqlite://')", "Base.metadata.create_all(engine)", "session = Session(engine)"
    ]  # fmt: skip
    assert "lend(session, book, " in text
    assert text.endswith("assert readers(session) == ...")


def test_a_chain_passes_on_what_the_first_call_gave(tmp_path: Path) -> None:
    text = body(propose(tmp_path, DATA, "orders.pricing:price"), "test_parse_order_then_price")

    made, asserted = text.splitlines()
    assert made.startswith("order = parse_order(")
    assert asserted == "assert price(order) == ..."


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    text = body(propose(tmp_path, DATA, "orders.parsing:load_order"), "test_save_order_then_load_order")

    assert text.splitlines()[0] == "path = tmp_path / 'data.txt'"
    assert "save_order(path, Order(" in text
    assert text.endswith("assert load_order(path) == ...")


# --------------------------------------------------------------------------- the whole way


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    local = LocalExecutor(2, scratch_dir=tmp_path_factory.mktemp("scratch"))
    yield local
    local.close()


def generation(folder: Path, executor: LocalExecutor, kinds: tuple[TestKind, ...]) -> tuple[GenerationPass, list]:
    project = discover_project(folder, sys.executable)
    snapshot = take_snapshot(project.root)
    settings = GenerationSettings(
        kinds=kinds, generators=("integration",), without=frozenset({"stable"}), budget_s_per_module=30
    )
    work = GenerationPass(project, snapshot, executor, NullSink(), None, settings)
    return work, project_targets(project, snapshot)


@pytest.mark.needs_sandbox
def test_flows_of_a_command_line_are_kept_as_integration_tests(tmp_path: Path, executor: LocalExecutor) -> None:
    work, targets = generation(write(tmp_path, CLICK), executor, (TestKind.INTEGRATION,))

    result = work.run([target for target in targets if target.module == "tasks.cli"])

    assert {item.kind for item in result.admitted} == {TestKind.INTEGRATION}
    assert {item.generator for item in result.admitted} == {"integration"}
    kept = (tmp_path / "tests/augment/test_tasks_cli_augment.py").read_text()
    assert 'runner.invoke(cli, ["add", ' in kept
    assert "assert result.output == " in kept


@pytest.mark.needs_sandbox
def test_flows_through_a_mapped_database_are_kept_as_integration_tests(tmp_path: Path, executor: LocalExecutor) -> None:
    folder = write(tmp_path, ALCHEMY)
    work, targets = generation(folder, executor, (TestKind.INTEGRATION,))

    result = work.run([target for target in targets if target.id == "shelf.loans:readers"], CoverageReport())

    assert {admission.kind for admission in result.admitted} == {TestKind.INTEGRATION}
    kept = "".join(path.read_text() for path in folder.glob("tests/augment/test_shelf_*.py"))
    assert 'create_engine("sqlite://")' in kept
    assert "assert readers(session) == [" in kept


def test_nothing_is_proposed_where_integration_tests_are_not_asked_for(tmp_path: Path, executor: LocalExecutor) -> None:
    work, targets = generation(write(tmp_path, CLICK), executor, (TestKind.UNIT,))

    result = work.run(targets, CoverageReport())

    assert result.admitted == []
    assert result.rejected == []
