"""`baton add`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from baton.cli.group import baton
from baton_template.answers import Answers
from baton_template.project import make_project


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(baton, ["add", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_a_consumer_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_project(Answers("My Deploy"), tmp_path))
    result = run("consumer", "Restart Web")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "src/baton_my_deploy/restart_web_consumer.py is made\n"
        "tests/test_restart_web_consumer.py is made\n"
        "src/baton_my_deploy/service.py adds it to the service\n"
        "\n"
        "Restart the service, then:\n"
        "\n"
        '  baton send my-deploy restart-web.production \'{"type":"restart-web"}\' --wait\n'
    )
    assert Path("src/baton_my_deploy/restart_web_consumer.py").is_file()


def test_a_consumer_there(tmp_path: Path) -> None:
    folder = make_project(Answers("My Deploy"), tmp_path)
    result = run("consumer", "restart", "-C", str(folder))
    assert result.exit_code == 0
    assert (folder / "src/baton_my_deploy/restart_consumer.py").is_file()


@pytest.mark.parametrize("name", ["", "class", "json", "a/b", "3par"])
def test_a_refused_name(name: str) -> None:
    result = run("consumer", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f'baton: "{name}" cannot be the name: ')


def test_no_project() -> None:
    result = run("consumer", "restart")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("baton: pyproject.toml is not there")


def test_something_else() -> None:
    result = run("monitor", "restart")
    assert result.exit_code == 2
    assert "No such command 'monitor'" in result.stderr
