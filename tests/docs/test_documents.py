"""The documents: links lead somewhere, commands exist, what is generated is current."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
import yaml

from augment.config.reference import outputs

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md"), *REPOSITORY.glob("examples/*/README.md")])
_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"^```(?:bash|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(REPOSITORY)) for path in paths]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_names(DOCUMENTS))
def test_links_lead_to_files_that_exist(document: Path) -> None:
    targets = [match.group(1) for match in _LINK.finditer(document.read_text(encoding="utf-8"))]
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=_names(DOCUMENTS))
def test_scripts_that_are_named_exist_and_can_be_run(document: Path) -> None:
    for name in re.findall(r"\./(scripts/[\w.-]+)", document.read_text(encoding="utf-8")):
        assert (REPOSITORY / name).stat().st_mode & 0o111, name


@pytest.fixture(scope="module")
def commands() -> set[str]:
    """Every command of `augment`, groups included."""
    from augment.cli import make_app

    group = typer.main.get_command(make_app())
    return set(group.commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_names(DOCUMENTS))
def test_commands_that_are_named_exist(document: Path, commands: set[str]) -> None:
    text = document.read_text(encoding="utf-8")
    shown = "\n".join(_FENCE.findall(text)) + "\n" + "\n".join(re.findall(r"`([^`\n]+)`", text))
    named = set(re.findall(r"(?:^|/bin/)augment ([a-z]+)", shown, re.MULTILINE))
    assert named - commands == set()


def test_the_flags_that_the_guides_name_exist() -> None:
    pages = ("getting-started.md", "troubleshooting.md")
    text = "".join((REPOSITORY / "docs" / name).read_text(encoding="utf-8") for name in pages)
    done = subprocess.run(
        [sys.executable, "-m", "augment.launch", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "200", "PATH": "/usr/bin:/bin", "TERM": "dumb", "HOME": "/tmp"},
    )
    of_launch = {"--python", "--merge", "--accept", "--no-model", "--model-name", "--resource-threshold"}
    of_launch |= {"--max-concurrent", "--address", "--port", "--max-length"}
    assert {flag for flag in of_launch if flag in text} == of_launch
    assert {flag for flag in of_launch if flag not in done.stdout} == set()


def test_what_is_made_from_the_settings_is_current() -> None:
    stale = [path.name for path, text in outputs(REPOSITORY).items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run python -m augment.config.reference --write"


def test_the_readme_says_where_the_measured_figures_go() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert text.index("<!-- measured:begin -->") < text.index("<!-- measured:end -->")


def test_the_roadmap_has_one_section_for_augment() -> None:
    lines = (REPOSITORY / "TASKS.md").read_text(encoding="utf-8").splitlines()
    assert lines.count("<!-- augment:begin -->") == lines.count("<!-- augment:end -->") == 1


def test_the_licence_is_the_whole_apache_licence() -> None:
    text = (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "Apache-2.0"


def test_pre_commit_hooks_use_the_tools_of_the_virtual_environment() -> None:
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    assert {"ruff-check", "ruff-format", "mypy"} <= {hook["id"] for hook in hooks}
    for hook in hooks:
        assert hook["entry"].startswith(".venv/bin/")


def test_the_pages_make_a_site_without_a_warning(tmp_path: Path) -> None:
    """Sphinx warns of links that lead nowhere, of anchors that are missing, and of pages that no other names."""
    build = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", "docs", str(tmp_path)]
    done = subprocess.run(build, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert {path.stem for path in REPOSITORY.glob("docs/*.md")} == {path.stem for path in tmp_path.glob("*.html")} - {
        "genindex",
        "search",
    }


def test_the_page_of_commands_is_current_and_knows_every_command(commands: set[str]) -> None:
    from augment.commands.reference import markdown

    text = (REPOSITORY / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert text == markdown(), "run python -m augment.commands.reference --write"
    assert {f"## augment {name}" for name in commands} <= set(text.splitlines())
    assert "<bound" not in text.lower()
