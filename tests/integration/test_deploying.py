"""What a new extension is deployed by: its image, and its unit for systemd."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from baton_template.answers import Answers
from baton_template.project import make_project
from brokers import apt
from brokers.commands import run
from brokers.engine import docker_engine
from brokers.vhost import Vhost
from integration.environments import ROOT, UV, build
from integration.python_image import PYTHON, built, python_image


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(Answers("My Deploy"), tmp_path)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """All that is installed in the image, and what builds it: the image needs no network."""
    folder = tmp_path / "wheels"
    build(ROOT / "packages" / "baton-core", folder)
    next(folder.glob("*.tar.gz")).unlink()
    (wheel,) = folder.glob("*.whl")
    pip = [UV, "tool", "run", "pip"] if UV else [sys.executable, "-m", "pip"]
    only = ["--only-binary=:all:", "--python-version", PYTHON]
    needed = [f"{wheel}[daemon]", "hatchling", "pip"]
    run([*pip, "download", "-q", "-d", str(folder), *only, *needed], timeout=200)
    return folder


@contextmanager
def running(client: docker.DockerClient, image: str, url: str) -> Iterator[Container]:
    """A container of *image*, which reaches the broker as this machine does."""
    container = client.containers.run(
        image,
        ["--url", url],
        environment={"BATON_FQDN": "web01.example.org", "BATON_ENVIRONMENT": "production"},
        network_mode="host",
        detach=True,
    )
    try:
        yield container
    finally:
        container.remove(force=True)


def wait_until_ready(container: Container) -> None:
    """Read what it says until it is ready."""
    said = container.logs(stream=True, follow=True)
    # The stream's own close leaves the socket open.
    with closing(said._response):  # type: ignore[attr-defined]
        lines = []
        for line in said:
            lines.append(line.decode())
            if "is ready" in lines[-1]:
                return
    pytest.fail("".join(lines))


@pytest.mark.timeout(600)
def test_the_image_runs_the_service(project: Path, wheels: Path, vhost: Vhost) -> None:
    question = json.dumps({"type": "measure", "path": f"/usr/local/lib/python{PYTHON}"})
    send = ["baton", "send", "baton-my-deploy", "web01.example.org", question]
    with docker_engine() as client, python_image(client, wheels) as base:
        image = built(client, project, PYTHON=base)
        with running(client, image, vhost.url) as container:
            wait_until_ready(container)
            user = container.exec_run(["id", "-un"])
            said = run(
                [*send, "--wait", "--expect", "1", "--jsonl", "--url", vhost.url], timeout=60
            )
            container.stop(timeout=20)
            ended = container.wait()["StatusCode"]
    assert '"type": "measured"' in said
    assert user.output == b"baton\n"
    assert ended == 0  # of SIGTERM, all that was begun being finished


def unit(page: Path) -> str:
    """The unit that *page* shows."""
    (found,) = re.findall(
        r"^```ini\n(# /etc/systemd/.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL
    )
    return str(found)


@pytest.mark.parametrize("where", ["template", "docs"])
def test_systemd_takes_the_unit(project: Path, tmp_path: Path, where: str) -> None:
    if shutil.which("systemd-analyze") is None:
        apt.install("systemd", reason="To verify a unit")
    if where == "template":
        text = (project / "deploy" / "baton-my-deploy.service").read_text()
    else:
        text = unit(ROOT / "docs" / "operating.md")
    program = Path(re.findall(r"^ExecStart=/(\S+)", text, re.MULTILINE)[0])
    installed = tmp_path / program
    installed.parent.mkdir(parents=True)
    installed.symlink_to("/bin/true")
    file = tmp_path / "baton-test.service"
    file.write_text(text.replace("ExecStart=/", f"ExecStart={tmp_path}/"))
    # It exits with 0 for what it does not know and ignores.
    assert run(["systemd-analyze", "verify", str(file)], timeout=60) == ""
