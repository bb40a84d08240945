"""Projects as they are set up in practice: environments of their own or none, installs in place, namespace packages,
compiled extensions, Poetry, uv, pip, other versions of Python. Nothing is downloaded, nothing installed into them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import pytest
from execution_support import batch, outcomes, snapshot

from augment.analysis import discover_project
from augment.execution import LocalExecutor, find_interpreter, probe_interpreter
from augment.records import Lane

CODE = "def sign(x):\n    if x < 0:\n        return -1\n    return 1\n"
TEST = "from shop.calc import sign\ndef test_one(): assert sign(1) == 1\ndef test_two(): assert sign(-1) == 1\n"
TOLD = {"test_one": "passed", "test_two": "failed"}


def make_environment(folder: Path) -> Path:
    """An environment without anything in it; returns its site-packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))


def install(site: Path, name: str, files: dict[str, str]) -> None:
    """Lay an installed distribution into ``site`` by hand."""
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(textwrap.dedent(text))
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """One bare environment that tests copy, as making one takes a second."""
    folder = tmp_path_factory.mktemp("environment") / "bare"
    make_environment(folder)
    return folder


@pytest.fixture
def own(environment, tmp_path):
    """Give a project an environment of its own; returns its site-packages."""

    def give(root: Path, name: str = ".venv") -> Path:
        shutil.copytree(environment, root / name, symlinks=True)
        return next((root / name / "lib").glob("python3*")) / "site-packages"

    return give


@pytest.fixture
def tell(executor):
    """Run a project's tests as the service does: discovered, with its own interpreter, coverage recorded."""

    def tell(root: Path, python: str | None = None):
        found = discover_project(root, find_interpreter(root, python))
        return executor.run(batch(root, interpreter=found.interpreter, source_roots=found.source_roots))

    return tell


def test_a_project_without_an_environment_uses_the_one_of_augment(make_project, tell):
    root = make_project({"shop/__init__.py": "", "shop/calc.py": CODE, "test_it.py": TEST})
    assert find_interpreter(root) == sys.executable
    assert outcomes(tell(root)) == TOLD


@pytest.mark.parametrize("files", [{}, {"uv.lock": "version = 1\n"}, {"requirements.txt": "leftpad\n"}])
def test_the_environment_in_the_project_is_found_used_and_left_as_it_was(make_project, own, tell, files):
    root = make_project(
        {
            "shop/__init__.py": "",
            "shop/calc.py": f"import leftpad\n{CODE}",
            "test_it.py": f"{TEST}import leftpad, sys\ndef test_where(): assert '.venv' in leftpad.__file__\n",
            **files,
        }
    )
    install(own(root), "leftpad", {"leftpad.py": "pad = 1\n"})
    before = snapshot(root / ".venv")
    result = tell(root)
    assert outcomes(result) == TOLD | {"test_where": "passed"}, result.output
    assert result.coverage.tests["test_it.py::test_two"]["shop/calc.py"].branches == {(3, 4)}
    assert snapshot(root / ".venv") == before


def test_the_named_interpreter_goes_before_the_one_in_the_project(make_project, own, tell):
    root = make_project({"shop/__init__.py": "", "shop/calc.py": CODE, "test_it.py": "import leftpad\n" + TEST})
    own(root)
    install(own(root, "other"), "leftpad", {"leftpad.py": ""})
    assert tell(root).collection_errors
    assert outcomes(tell(root, str(root / "other"))) == TOLD


def test_an_install_in_place_by_path_file(make_project, own, tell):
    root = make_project({"src/shop/__init__.py": "", "src/shop/calc.py": CODE, "tests/test_it.py": TEST})
    install(own(root), "shop", {"__editable__.shop-1.0.pth": f"{root / 'src'}\n"})
    result = tell(root)
    assert outcomes(result) == TOLD, result.output
    assert "src/shop/calc.py" in result.coverage.tests["tests/test_it.py::test_one"]


FINDER = """
    import importlib.machinery, importlib.util, sys
    MAPPING = {mapping!r}
    class Finder:
        @classmethod
        def find_spec(cls, name, path=None, target=None):
            if name in MAPPING:
                return importlib.util.spec_from_file_location(
                    name, MAPPING[name] + "/__init__.py", submodule_search_locations=[MAPPING[name]])
    def install():
        sys.meta_path.append(Finder)
"""


def test_an_install_in_place_by_finder(make_project, own, tell):
    # As setuptools makes it where a path entry would show too much: the package's folder has another name.
    root = make_project({"code/__init__.py": "", "code/calc.py": CODE, "tests/test_it.py": TEST})
    install(
        own(root),
        "shop",
        {
            "__editable___shop_1_0_finder.py": FINDER.format(mapping={"shop": str(root / "code")}),
            "__editable__.shop-1.0.pth": "import __editable___shop_1_0_finder as finder; finder.install()\n",
        },
    )
    result = tell(root)
    assert outcomes(result) == TOLD, result.output
    assert "code/calc.py" in result.coverage.tests["tests/test_it.py::test_one"]


def test_an_edit_of_code_that_is_installed_in_place_is_seen_by_the_next_batch(make_project, own, tell):
    root = make_project({"src/shop/__init__.py": "", "src/shop/calc.py": CODE, "tests/test_it.py": TEST})
    install(own(root), "shop", {"__editable__.shop-1.0.pth": f"{root / 'src'}\n"})
    assert outcomes(tell(root)) == TOLD
    (root / "src/shop/calc.py").write_text("def sign(x):\n    return 1\n")
    assert outcomes(tell(root)) == {"test_one": "passed", "test_two": "passed"}


def test_namespace_packages_of_the_project_and_of_the_environment_are_one(make_project, own, tell):
    root = make_project(
        {
            "src/acme/shop/__init__.py": "",
            "src/acme/shop/calc.py": CODE,
            "tests/test_it.py": TEST.replace("shop.calc", "acme.shop.calc") + "import acme.base\n",
        }
    )
    install(own(root), "acme.base", {"acme/base/__init__.py": "", "__editable__.acme.shop.pth": f"{root / 'src'}\n"})
    result = tell(root)
    assert outcomes(result) == TOLD, result.output
    assert "src/acme/shop/calc.py" in result.coverage.tests["tests/test_it.py::test_one"]


def test_a_namespace_package_without_any_install(make_project, tell):
    root = make_project({"src/acme/calc.py": CODE, "tests/test_it.py": TEST.replace("shop.calc", "acme.calc")})
    assert outcomes(tell(root)) == TOLD


EXTENSION = """
    #include <Python.h>
    static PyObject *sign(PyObject *self, PyObject *value) {
        long number = PyLong_AsLong(value);
        if (number == -1 && PyErr_Occurred()) return NULL;
        return PyLong_FromLong(number < 0 ? -1 : 1);
    }
    static PyMethodDef methods[] = {{"sign", sign, METH_O, ""}, {NULL, NULL, 0, NULL}};
    static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "calc", "", -1, methods};
    PyMODINIT_FUNC PyInit_calc(void) { return PyModule_Create(&module); }
"""


def test_a_compiled_extension_beside_python_code(make_project, tell):
    compiler = shutil.which("cc") or shutil.which("gcc")
    headers = Path(sysconfig.get_path("include"))
    if compiler is None or not (headers / "Python.h").exists():
        pytest.skip("no C compiler, or no headers of this Python")
    root = make_project(
        {"calc.c": EXTENSION, "shop/__init__.py": "from shop.calc import sign\nfrom shop.more import same\n"}
        | {"shop/more.py": "def same(x):\n    return x\n", "test_it.py": TEST + "from shop import same\n"}
    )
    with (root / "test_it.py").open("a") as file:
        file.write("def test_same(): assert same(sign(-3)) == -1\n")
    target = root / "shop" / f"calc{sysconfig.get_config_var('EXT_SUFFIX')}"
    flags = ["-shared", "-fPIC", f"-I{headers}"] + (["-undefined", "dynamic_lookup"] * (sys.platform == "darwin"))
    subprocess.run([compiler, *flags, str(root / "calc.c"), "-o", str(target)], check=True)
    result = tell(root)
    assert outcomes(result) == TOLD | {"test_same": "passed"}, result.output
    assert "shop/more.py" in result.coverage.tests["test_it.py::test_same"]


# ----------------------------------------------------------------------------- Poetry

POETRY = '[tool.poetry]\nname = "shop"\nversion = "1.0"\n'


@pytest.fixture
def poetry(tmp_path, monkeypatch):
    """Make a ``poetry`` command that says where the environment is."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def say(text: str, status: int = 0) -> None:
        script = f"[ \"$*\" = 'env info --path --no-interaction' ] || exit 9\necho '{text}'\nexit {status}\n"
        (folder / "poetry").write_text(f"#!/bin/sh\n{script}")
        (folder / "poetry").chmod(0o755)

    return say


def test_the_environment_that_poetry_keeps_elsewhere_is_used(make_project, environment, poetry, tell):
    root = make_project({"pyproject.toml": POETRY, "shop/__init__.py": "", "shop/calc.py": CODE, "test_it.py": TEST})
    poetry(str(environment))
    assert find_interpreter(root) == str(environment / "bin" / "python")
    assert outcomes(tell(root)) == TOLD


def test_poetry_without_an_environment_or_not_installed_leaves_the_current_one(make_project, poetry, monkeypatch):
    root = make_project({"pyproject.toml": POETRY})
    poetry("", 1)
    assert find_interpreter(root) == sys.executable
    poetry("/nowhere/at/all")
    assert find_interpreter(root) == sys.executable
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_interpreter(root) == sys.executable


def test_the_environment_in_the_project_goes_before_poetrys(make_project, own, environment, poetry):
    root = make_project({"pyproject.toml": POETRY})
    own(root)
    poetry(str(environment))
    assert find_interpreter(root) == str(root / ".venv/bin/python")


def test_poetry_is_not_asked_about_other_projects(make_project, environment, poetry):
    poetry(str(environment))
    assert find_interpreter(make_project({"pyproject.toml": '[project]\nname = "shop"\n'})) == sys.executable


# ------------------------------------------------------------- other versions of Python


@pytest.mark.parametrize("minor", [9, 10, 12, 13])
def test_a_project_on_another_python_runs_with_the_pytest_that_it_has(make_project, tell, minor):
    pythons = sorted((Path.home() / ".pyenv" / "versions").glob(f"3.{minor}.*/bin/python"))
    found = [python for python in pythons if probe_interpreter(python).tools["pytest"]]
    if not found:
        pytest.skip(f"no Python 3.{minor} with pytest on this machine")
    version = f"import sys\ndef test_version(): assert sys.version_info[:2] == (3, {minor})\n"
    root = make_project({"shop/__init__.py": "", "shop/calc.py": CODE, "test_it.py": TEST + version})
    result = tell(root, str(found[0]))
    assert outcomes(result) == TOLD | {"test_version": "passed"}, result.output


@pytest.mark.needs_sandbox
def test_a_confined_batch_finds_its_copy_where_the_environment_reads_a_folder_around_the_project(
    make_project, own, tmp_path
):
    """As in a clone below /tmp whose environment has it installed in place, with an example project inside."""
    root = make_project({"shop/__init__.py": "", "shop/calc.py": CODE, "tests/test_it.py": TEST})
    install(own(root), "around", {"__editable__.around-1.0.pth": f"{tmp_path}\n"})
    tmp_path.chmod(0o755)  # else the batch may search folders of others, and finds its copy by that
    executor = LocalExecutor(1, sandbox="auto")
    confined = {"trusted": False, "private": True, "lane": Lane.WRITE, "coverage": False}
    try:
        result = executor.run(
            batch(root, interpreter=str(root / ".venv" / "bin" / "python"), snapshot=snapshot(root), **confined)
        )
    finally:
        executor.close()
    assert result.fault is None, result.output
    assert outcomes(result) == TOLD, result.output
