"""From a folder to a project: layouts, hints, names of modules, and one clear line where it is none."""

import pytest

from augment.analysis import discover_project, in_tests, is_test_file, module_of
from augment.errors import ProjectError


def make(root, *names, **texts):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts.get(name, ""))
    return root


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ProjectError, match=r"No such folder: .*nowhere"):
        discover_project(tmp_path / "nowhere")


def test_a_file_is_no_project(tmp_path):
    make(tmp_path, "a.py")
    with pytest.raises(ProjectError, match=r"a\.py is a file, not a folder"):
        discover_project(tmp_path / "a.py")


def test_a_folder_without_python_is_no_project(tmp_path):
    make(tmp_path, "README.md", "venv/pyvenv.cfg", "venv/a.py")
    with pytest.raises(ProjectError, match="No Python files"):
        discover_project(tmp_path)


def test_the_flat_layout(tmp_path):
    make(tmp_path, "shop/__init__.py", "shop/cart.py", "tests/test_cart.py", "setup.py", "docs/conf.py")
    project = discover_project(tmp_path)
    assert (project.source_roots, project.packages, project.test_folders) == ((".",), ("shop",), ("tests",))
    assert module_of(project, "shop/cart.py") == "shop.cart"
    assert module_of(project, "shop/__init__.py") == "shop"
    assert module_of(project, "setup.py") is None


def test_the_src_layout(tmp_path):
    make(tmp_path, "src/shop/__init__.py", "src/shop/a.py", "tests/test_a.py", "scripts/run.py")
    project = discover_project(tmp_path, python="/opt/python")
    assert (project.source_roots, project.packages) == (("src",), ("shop",))
    assert module_of(project, "src/shop/a.py") == "shop.a"
    assert module_of(project, "scripts/run.py") is None
    assert project.interpreter == "/opt/python"


def test_pyproject_says_where_code_and_tests_lie(tmp_path):
    make(tmp_path, "lib/shop/__init__.py", "checks/test_a.py")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "the-shop"\n[tool.pytest.ini_options]\ntestpaths = ["checks"]\npythonpath = ["lib"]\n'
    )
    project = discover_project(tmp_path)
    assert (project.name, project.source_roots, project.test_folders) == ("the-shop", ("lib",), ("checks",))
    assert module_of(project, "lib/shop/__init__.py") == "shop"


def test_setup_cfg_says_where_code_and_tests_lie(tmp_path):
    make(tmp_path, "lib/shop/__init__.py", "checks/test_a.py")
    (tmp_path / "setup.cfg").write_text(
        "[metadata]\nname = the-shop\n[options]\npackage_dir =\n    = lib\n[tool:pytest]\ntestpaths = checks\n"
    )
    project = discover_project(tmp_path)
    assert (project.name, project.source_roots, project.test_folders) == ("the-shop", ("lib",), ("checks",))


@pytest.mark.parametrize("listed", [["src", "tests"], ["src"], ["src/shop", "tests"], ["."]])
def test_code_that_pytest_looks_into_for_doctests_stays_code(tmp_path, listed):
    make(tmp_path, "src/shop/__init__.py", "src/shop/a.py", "src/shop/b.py", "tests/test_a.py", "tests/helpers.py")
    (tmp_path / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\ntestpaths = {listed}\n")
    project = discover_project(tmp_path)
    assert (project.packages, project.test_folders) == (("shop",), ("tests",))
    assert module_of(project, "src/shop/a.py") == "shop.a"
    assert in_tests(project, "tests/helpers.py")


def test_tests_beside_the_code_leave_it_code(tmp_path):
    make(tmp_path, "shop/__init__.py", "shop/a.py", "shop/a_test.py", "lib/b.py", "lib/test_b.py", "checks/test_c.py")
    project = discover_project(tmp_path)
    assert (project.packages, project.test_folders) == (("lib", "shop"), ("checks",))
    assert module_of(project, "shop/a.py") == "shop.a"
    assert module_of(project, "shop/a_test.py") is None


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", '[tool.pytest.ini_options]\npython_files = ["test_*.py", "tests.py", "checks/*.py"]\n'),
        ("pyproject.toml", '[tool.pytest]\npython_files = ["test_*.py", "tests.py", "checks/*.py"]\n'),
        ("pytest.ini", "[pytest]\npython_files = test_*.py tests.py checks/*.py\n"),
        ("setup.cfg", "[tool:pytest]\npython_files =\n    test_*.py\n    tests.py\n    checks/*.py\n"),
    ],
)
def test_the_project_says_which_files_hold_tests(tmp_path, file, text):
    make(tmp_path, "shop/__init__.py", "shop/models.py", "shop/tests.py", "shop/checks/prices.py")
    (tmp_path / file).write_text(text)
    project = discover_project(tmp_path)
    assert project.test_patterns == ("test_*.py", "tests.py", "checks/*.py")
    assert [
        is_test_file(f"shop/{name}.py", project.test_patterns) for name in ("models", "tests", "checks/prices")
    ] == [
        False,
        True,
        True,
    ]
    assert module_of(project, "shop/models.py") == "shop.models"
    assert module_of(project, "shop/tests.py") is None


def test_a_broken_configuration_file_does_not_stop_the_search(tmp_path):
    make(tmp_path, "shop.py")
    (tmp_path / "pyproject.toml").write_text("[project\n")
    (tmp_path / "setup.cfg").write_text("nonsense")
    assert discover_project(tmp_path).packages == ("shop",)


def test_namespace_packages_and_single_modules(tmp_path):
    make(tmp_path, "acme/billing/invoice.py", "tool.py", "test_tool.py", "conftest.py")
    project = discover_project(tmp_path)
    assert project.packages == ("acme", "tool")
    assert module_of(project, "acme/billing/invoice.py") == "acme.billing.invoice"
    assert module_of(project, "test_tool.py") is None


def test_tests_beside_the_code_are_tests(tmp_path):
    make(tmp_path, "shop/__init__.py", "shop/a.py", "shop/tests/test_a.py", "shop/tests/helper.py")
    project = discover_project(tmp_path)
    assert project.test_folders == ("shop/tests",)
    assert in_tests(project, "shop/tests/helper.py")
    assert not in_tests(project, "shop/a.py")


def test_a_file_that_cannot_be_imported_has_no_module(tmp_path):
    make(tmp_path, "shop/__init__.py", "shop/not-a-module.py")
    assert module_of(discover_project(tmp_path), "shop/not-a-module.py") is None
