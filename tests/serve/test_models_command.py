import json

from typer.testing import CliRunner

from augment.commands.models import app


def test_the_list_says_what_each_model_needs_and_whether_it_is_here(models_folder):
    shown = CliRunner().invoke(app, ["list"])
    assert "Qwen2.5-Coder-1.5B-Instruct" in shown.stdout
    data = json.loads(CliRunner().invoke(app, ["list", "--json"]).stdout)
    assert data["folder"] == str(models_folder)
    assert [row["fetched"] for row in data["models"]] == [False] * 7
    assert {row["tier"] for row in data["models"]} == {"tiny", "small", "medium", "large"}


def test_a_local_file_is_used_where_it_lies(tmp_path, models_folder):
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"GGUF")
    result = CliRunner().invoke(app, ["fetch", "mine", "--source", str(file)])
    assert result.exit_code == 0
    assert str(file) in result.stdout


def test_verifying_what_is_not_here_fails_with_the_command_to_fetch_it(models_folder):
    result = CliRunner().invoke(app, ["verify"])
    assert "augment models fetch Qwen2.5-Coder-1.5B-Instruct" in str(result.exception)


def test_a_local_file_is_not_called_intact_as_no_hash_of_it_is_published(tmp_path):
    file = tmp_path / "own.gguf"
    file.write_bytes(b"GGUF and more")
    result = CliRunner().invoke(app, ["verify", str(file)])
    assert result.exit_code == 0
    assert "no published hash" in result.output
    assert "intact" not in result.output
