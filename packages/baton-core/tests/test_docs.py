"""The documentation is held against the code: what there is appears in it, and its examples run."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import SecretStr

import baton
from baton import testing
from baton.cli.executable import service_executable
from baton.cli.group import baton as baton_command
from baton.configuration import ENV_PREFIX, Configuration
from baton.extension import COMMANDS_GROUP, EXTENSIONS_GROUP, find_extension
from baton.facts import built_in_facts
from baton.fleet import Duplicate, Failure, Latency, Reply, Result, to_document
from baton.message import (
    BCC_HEADER,
    END_HEADER,
    INSTANCE_HEADER,
    RETRY_HEADER,
    SENDER_HEADER,
    SEQUENCE_HEADER,
    SIGNATURE_HEADER,
    SPLAY_HEADER,
    TARGET_HEADER,
    VERSION_HEADER,
    WHERE_HEADER,
)
from baton_ping_monitor.executable import main as monitor_command
from baton_ping_monitor.fleet.view import FleetView, State
from baton_ping_monitor.keys import DashboardKeys
from baton_ping_monitor.reading import read_settings
from baton_ping_monitor.web.metrics import Moment, series

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("packages/*/*.md"))]
DASHBOARD_PAGE = DOCS / "dashboard.md"
EXTENSION_PAGE = DOCS / "writing-an-extension.md"
TESTING_PAGE = DOCS / "testing-an-extension.md"
TEXT = "\n".join(page.read_text() for page in [ROOT / "README.md", *sorted(DOCS.glob("*.md"))])

BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (?P<path>[\w/.-]+\.(?:py|toml))\n")
LINK = re.compile(r"\]\((?!https?://)(?P<target>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def unmeasured() -> dict[str, str]:
    """An environment for tests of examples: their coverage is that of other tests, and measuring
    it would take as long again."""
    return {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}


def blocks(page: Path, *kinds: str) -> Iterator[str]:
    """The fenced blocks of *page* in one of the languages *kinds*."""
    for found in BLOCK.finditer(page.read_text()):
        if found["kind"] in kinds:
            yield found["code"]


def examples() -> Iterator[object]:
    """Each Python block that stands for itself, and is no file of a package."""
    for page in PAGES:
        for number, code in enumerate(blocks(page, "python"), start=1):
            if FILE.match(code) is None and ">>>" not in code:
                yield pytest.param(code, id=f"{name_of(page)}-{number}")


def without_code(page: Path) -> str:
    return re.sub(r"`[^`\n]+`", "", BLOCK.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of *page*, as they are shown on the web."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def shown(default: object) -> str:
    """*default* as docs/configuration.md writes it."""
    match default:
        case None:
            return "not set"
        case bool():
            return f"`{str(default).lower()}`"
        case SecretStr():
            return f"`{default.get_secret_value()}`"
        case () | "":
            return "empty"
        case tuple():
            return f"`{','.join(map(str, default))}`"
        case float():
            return f"`{default:.10g}`"
        case _:
            return f"`{default}`"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command of the packages, with what is typed to call it."""
    context = click.Context(baton_command)
    for name in ("doctor", "extensions", "facts", "new", "ping", "replies", "run", "send"):
        command = baton_command.get_command(context, name)
        assert command is not None
        yield f"baton {name}", command
    add = baton_command.get_command(context, "add")
    assert isinstance(add, click.Group)
    for name, command in add.commands.items():
        yield f"baton add {name}", command
    letters = baton_command.get_command(context, "dead-letters")
    assert isinstance(letters, click.Group)
    for name, command in letters.commands.items():
        yield f"baton dead-letters {name}", command
    yield "baton-ping", service_executable(find_extension("baton-ping"))
    yield "baton-ping-monitor", monitor_command


@pytest.mark.parametrize("code", list(examples()))
def test_an_example_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "example", "exec"), {"__name__": "__main__"})


def test_the_tests_of_the_page_on_testing_pass(tmp_path: Path) -> None:
    """Without a plugin for coroutines, and with warnings as errors."""
    for code in blocks(TESTING_PAGE, "python"):
        if found := FILE.match(code):
            (tmp_path / found["path"]).write_text(code)
    arguments = ["-q", "-W", "error", "-p", "no:asyncio", "-p", "no:anyio", "-c", os.devnull]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env=unmeasured(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "8 passed" in ran.stdout


def test_the_extension_that_is_written_step_by_step_works(tmp_path: Path) -> None:
    for code in blocks(EXTENSION_PAGE, "python", "toml"):
        if found := FILE.match(code):
            file = tmp_path / found["path"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(code)
    source = tmp_path / "src"
    (source / "baton_disk" / "__init__.py").touch()
    _install(tomllib.loads((tmp_path / "pyproject.toml").read_text()), source)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**unmeasured(), "PYTHONPATH": str(source)},
            capture_output=True,
            text=True,
            check=False,
        )

    tests = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "tests")
    assert "3 passed" in tests.stdout, tests.stdout + tests.stderr
    listed = run("-c", "from baton.cli.main import main; main()", "extensions")
    assert re.search(r"^disk +baton-disk 0.1.0 +Tells how full", listed.stdout, re.MULTILINE)
    asked = run(
        "-c", "from baton.cli.main import main; main()", "disk", "nowhere", "--url", "memory://x"
    )
    assert (asked.returncode, asked.stdout) == (1, "0 servers answered\n")
    assert 'No server listens on "nowhere"' in asked.stderr
    executable = run("-c", "from baton_disk.executable import main; main()", "--help")
    assert "Start the baton-disk service" in executable.stdout


def _install(project: dict[str, dict[str, object]], source: Path) -> None:
    """Make the entry points of *project* known to those who import from *source*."""
    about = project["project"]
    folder = source / f"{str(about['name']).replace('-', '_')}-{about['version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n"
    )
    groups = about["entry-points"]
    assert isinstance(groups, dict)
    lines = []
    for group, entries in groups.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (folder / "entry_points.txt").write_text("\n".join(lines))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.finditer(without_code(page)):
        target = (page.parent / link["target"]).resolve() if link["target"] else page
        assert target.exists(), link["target"]
        if link["anchor"]:
            assert link["anchor"] in anchors(target), f"{link['target']}#{link['anchor']}"


@pytest.mark.parametrize("key", [*Configuration.model_fields, "rabbit_url"])
def test_a_setting_is_documented_with_its_default(key: str) -> None:
    field = Configuration.model_fields.get(key)
    default = shown(field.get_default(call_default_factory=True) if field else None)
    row = f"| `{key.upper()}` | `{ENV_PREFIX}{key.upper()}` | {default} |"
    assert row in (DOCS / "configuration.md").read_text()


@pytest.mark.parametrize("key", DashboardKeys.model_fields)
def test_a_setting_of_the_dashboard_is_documented_with_its_default(key: str) -> None:
    default = shown(DashboardKeys.model_fields[key].get_default())
    row = f"| `{key.upper()}` | `{ENV_PREFIX}{key.upper()}` | {default} |"
    assert row in (DOCS / "configuration.md").read_text()
    assert f"`{key.upper()}`" in DASHBOARD_PAGE.read_text()


def test_the_configuration_of_the_page_on_the_dashboard_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in os.environ if each.startswith(ENV_PREFIX)]:
        monkeypatch.delenv(name)  # where the tests' broker is, say
    (block,) = (code for code in blocks(DASHBOARD_PAGE, "yaml") if "baton-ping-monitor.cfg" in code)
    alerts = tmp_path / "alerts"
    alerts.write_text("json://127.0.0.1\n")
    file = tmp_path / "monitor.cfg"
    file.write_text(block.replace("/etc/baton-ping-monitor/alerts", str(alerts)))
    configuration = Configuration.load(file)
    assert set(configuration.model_extra or {}) <= set(DashboardKeys.model_fields)
    settings = read_settings(configuration)
    assert settings.retention.outputs == 2 * 86_400
    assert settings.ping.every == 10
    assert settings.web.prefix == "/baton"


@pytest.mark.parametrize("state", State)
def test_a_state_is_documented(state: State) -> None:
    assert re.search(rf"^\| `{state}` \| .+ \|$", DASHBOARD_PAGE.read_text(), re.MULTILINE)


def test_every_path_of_the_api_is_documented() -> None:
    page = DASHBOARD_PAGE.read_text()
    document = ROOT / "packages/baton-ping-monitor/src/baton_ping_monitor/web/api/openapi.yaml"
    paths = re.findall(r"^  (/\S+):$", document.read_text(), re.MULTILINE)
    assert len(paths) > 10
    assert [path for path in paths if not re.search(rf"[` ]{re.escape(path)}`", page)] == []


def test_every_series_is_documented() -> None:
    fleet = FleetView(0.0, last_output=0.0)
    page = DASHBOARD_PAGE.read_text()
    for family in series(Moment(fleet, is_ready=True, store_trouble=False, streams=0)):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert f"`{name}`" in page


@pytest.mark.parametrize("name", baton.__all__)
def test_a_public_name_is_documented(name: str) -> None:
    assert re.search(rf"(?<!\w){name}(?!\w)", TEXT)


@pytest.mark.parametrize("name", testing.__all__)
def test_a_name_of_the_testing_kit_is_documented(name: str) -> None:
    assert re.search(rf"(?<!\w){name}(?!\w)", TESTING_PAGE.read_text())


@pytest.mark.parametrize(("typed", "command"), list(commands()))
def test_a_command_is_documented_with_its_options(typed: str, command: click.Command) -> None:
    page = (DOCS / "commands.md").read_text()
    section = page.partition(f"\n## {typed}\n")[2].partition("\n## ")[0]
    options = {
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }
    documented = {
        option
        for row in re.findall(r"^\| (`-.*?) \|", section, re.MULTILINE)
        for option in re.findall(r"`(--?[\w-]+)`", row)
    }
    assert documented == options


@pytest.mark.parametrize("name", built_in_facts())
def test_a_built_in_fact_is_documented(name: str) -> None:
    section = (DOCS / "configuration.md").read_text().partition("\n### Facts\n")[2]
    assert re.search(rf"^\| .*`{name}`.* \| .+ \|$", section.partition("\n## ")[0], re.MULTILINE)


@pytest.mark.parametrize("group", [EXTENSIONS_GROUP, COMMANDS_GROUP])
def test_an_entry_point_group_is_documented(group: str) -> None:
    assert group in TEXT


@pytest.mark.parametrize(
    "header",
    [
        BCC_HEADER,
        END_HEADER,
        INSTANCE_HEADER,
        RETRY_HEADER,
        SENDER_HEADER,
        SEQUENCE_HEADER,
        SIGNATURE_HEADER,
        SPLAY_HEADER,
        TARGET_HEADER,
        VERSION_HEADER,
        WHERE_HEADER,
    ],
)
def test_a_header_is_documented(header: str) -> None:
    assert f"`{header}`" in (DOCS / "wire.md").read_text()


def test_every_field_of_a_result_is_documented_and_no_other() -> None:
    """A result with one of everything: what it has in an object, or in the first of a list."""
    result = Result(
        message_id="1f",
        extension="baton-ping",
        type="ping",
        targets=("production",),
        sent=0.0,
        timeout=2.0,
        took=1.0,
        duplicates=(Duplicate("web01", 2),),
        errors=(Failure("web02", "failed"),),
        latency=Latency(1, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001),
    )
    reply = Reply(baton.Message({"type": "pong"}), 0.001, "i")
    page = (DOCS / "collecting-replies.md").read_text()
    section = page.partition("\n## The JSON document\n")[2].partition("\n## ")[0]
    documented = re.findall(r"^\| `([\w.]+)` \|", section, re.MULTILINE)
    assert documented == list(_fields(to_document(result, [reply])))


def _fields(document: dict[str, object], path: str = "") -> Iterator[str]:
    for name, value in document.items():
        yield f"{path}{name}"
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict) and name != "message":
            yield from _fields(inner, f"{path}{name}.")


def test_every_option_of_a_request_is_documented() -> None:
    page = (DOCS / "collecting-replies.md").read_text()
    section = page.partition("\n## Options of a request\n")[2].partition("\n## ")[0]
    documented = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert {*documented, "message"} == {field.name for field in dataclasses.fields(baton.Request)}


@pytest.mark.parametrize("decision", sorted((DOCS / "adr").glob("0*.md")), ids=name_of)
def test_a_decision_is_listed(decision: Path) -> None:
    assert f"]({decision.name})" in (DOCS / "adr" / "README.md").read_text()
