"""What the doctor says of a configuration."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from baton import Configuration, configure
from baton.doctor.configuration import read_configuration
from baton.doctor.findings import Finding, Status

SECRET = "hunter2"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "baton-ping.cfg"


def read(file: Path, text: str, mode: int = 0o640) -> tuple[Configuration | None, list[Finding]]:
    file.write_text(text)
    file.chmod(mode)
    configuration, findings = read_configuration(file, "baton-ping", None)
    assert SECRET not in repr(findings)
    return configuration, findings


def named(findings: list[Finding], name: str) -> Finding:
    (finding,) = [each for each in findings if each.name == name]
    return finding


def test_each_key_and_where_it_comes_from(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_PREFETCH", "7")
    configure(exchange="ours")
    file.write_text(f"RABBIT_HOST: mq1.example.org\nRABBIT_PASS: {SECRET}\n")
    _, findings = read_configuration(file, "baton-ping", f"amqp://baton:{SECRET}@mq2.example.org")
    first = named(findings, "configuration")
    assert (first.status, first.extension) == (Status.OK, None)
    assert set(first.found.split("; ")) == {
        f"{file} was read",
        "from options: RABBIT_URL",
        "from the environment: BATON_PREFETCH",
        "from baton.configure: EXCHANGE",
    }
    assert SECRET not in repr(findings)


def test_no_default_file() -> None:
    configuration, findings = read_configuration(None, "baton-nosuch", None)
    assert configuration is not None
    assert named(findings, "configuration") == Finding(
        "configuration",
        Status.OK,
        "no file at /etc/baton-nosuch/baton-nosuch.cfg, defaults hold",
        extension="baton-nosuch",
    )


@pytest.mark.parametrize(
    ("text", "found", "remedy"),
    [
        ("PREFETCH: many", 'PREFETCH "many" should be a valid integer', "set it to what is"),
        ("PREFETCH: [1", "is not valid YAML", "mend that line of the file"),
        ("- PREFETCH", "holds no keys", "mend that line of the file"),
        (f"RABBIT_URL: http://baton:{SECRET}@mq1", "is no broker's URL", "set it to what is"),
    ],
)
def test_what_is_wrong(file: Path, text: str, found: str, remedy: str) -> None:
    configuration, (finding,) = read(file, text)
    assert configuration is None
    assert finding.status is Status.FAILED
    assert str(file) in finding.found
    assert found in finding.found
    assert remedy in finding.remedy


def test_a_file_that_was_asked_for_and_is_not_there(file: Path) -> None:
    configuration, (finding,) = read_configuration(file, "baton-ping", None)
    assert (configuration, finding.status) == (None, Status.FAILED)
    assert finding.found == f"{file}: cannot be read: No such file or directory"
    assert finding.remedy.startswith("name a file with -c that is there")


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("RABIT_HOST", "RABBIT_HOST"),
        ("RABBIT_PASSWORD", "RABBIT_PASS"),
        ("LOGFILE", "LOG_FILE"),
        ("VHOST", "RABBIT_VHOST"),
    ],
)
def test_a_slip_of_a_key(file: Path, key: str, meant: str) -> None:
    configuration, findings = read(file, f"{key}: {SECRET}")
    assert configuration is not None
    finding = named(findings, "spelling")
    assert finding.status is Status.WARNING
    assert finding.found.startswith(f"{file}: {key} is no setting")
    assert finding.remedy == f"call it {meant}, if that is meant"


@pytest.mark.parametrize("text", ["COLOUR: blue", "RABBIT_HOST: mq1\nHOST: db1"])
def test_an_extension_s_own_key_is_no_slip(file: Path, text: str) -> None:
    _, findings = read(file, text)
    finding = named(findings, "spelling")
    assert finding.status is Status.OK
    assert finding.found.startswith("no key looks misspelt; the extension's own: ")


@pytest.mark.parametrize(("mode", "status"), [(0o640, Status.OK), (0o644, Status.WARNING)])
def test_who_may_read_the_password(file: Path, mode: int, status: Status) -> None:
    _, findings = read(file, f"RABBIT_PASS: {SECRET}", mode)
    finding = named(findings, "password")
    assert finding.status is status
    assert finding.remedy == (f"chmod o= {file}" if status is Status.WARNING else "")


def test_who_may_read_the_file_of_the_password(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(SECRET)
    secret.chmod(0o604)
    _, findings = read(file, f"RABBIT_PASS_FILE: {secret}")
    finding = named(findings, "password")
    assert (finding.status, finding.remedy) == (Status.WARNING, f"chmod o= {secret}")


def test_a_password_that_cannot_be_read(file: Path, tmp_path: Path) -> None:
    _, findings = read(file, f"RABBIT_PASS_FILE: {tmp_path / 'gone'}")
    finding = named(findings, "password")
    assert finding.status is Status.FAILED
    assert "No such file" in finding.found
    assert "let the service's user read it" in finding.remedy


@pytest.mark.parametrize(
    ("text", "status", "found"),
    [
        ("PREFETCH: 1", Status.OK, "none is set"),
        ("RABBIT_SCHEME: memory", Status.SKIPPED, "a broker in this process"),
        (
            "RABBIT_SCHEME: amqps\nRABBIT_AUTH: external\nRABBIT_TLS_CERT_FILE: /x.pem",
            Status.SKIPPED,
            "none is needed",
        ),
    ],
)
def test_no_password(file: Path, text: str, status: Status, found: str) -> None:
    finding = named(read(file, text)[1], "password")
    assert finding.status is status
    assert found in finding.found


def test_a_password_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_RABBIT_PASS", SECRET)
    _, findings = read_configuration(None, None, None)
    assert named(findings, "password").found == "set by environment BATON_RABBIT_PASS"
    assert SECRET not in repr(findings)


def test_files_that_can_be_written(file: Path, tmp_path: Path) -> None:
    (tmp_path / "ping.log").touch()
    _, findings = read(
        file,
        f"LOG_FILE: {tmp_path / 'ping.log'}\nPID_FILE: {tmp_path / 'ping.pid'}\n"
        f"AUDIT_FILE: {tmp_path / 'audit.log'}",
    )
    assert named(findings, "log file").status is Status.OK
    assert named(findings, "audit file").status is Status.OK
    assert named(findings, "pid file").status is Status.OK


def test_files_that_cannot_be_written(file: Path, tmp_path: Path) -> None:
    _, findings = read(
        file,
        f"LOG_FILE: {tmp_path}\nPID_FILE: {tmp_path / 'no' / 'ping.pid'}\nAUDIT_FILE: {tmp_path}",
    )
    assert named(findings, "audit file").remedy == "set AUDIT_FILE to a file"
    log, pid = named(findings, "log file"), named(findings, "pid file")
    assert (log.status, pid.status) == (Status.FAILED, Status.FAILED)
    assert "it is a folder" in log.found
    assert log.remedy == "set LOG_FILE to a file"
    assert f"there is no folder {tmp_path / 'no'}" in pid.found
    assert pid.remedy == f"mkdir -p {tmp_path / 'no'}"


def test_files_that_the_user_may_not_write(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ping.log").touch()
    text = f"LOG_FILE: {tmp_path / 'ping.log'}\nPID_FILE: {tmp_path / 'ping.pid'}"
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everything
    _, findings = read(file, text)
    assert "the user may not write it" in named(findings, "log file").found
    assert f"the user may not use {tmp_path}" in named(findings, "pid file").found


def test_an_event_loop_that_was_chosen(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = named(read(file, "EVENT_LOOP: uvloop\n")[1], "event loop")
    assert (finding.status, finding.found) == (Status.OK, "uvloop can be imported")
    monkeypatch.setitem(sys.modules, "uvloop", None)
    finding = named(read(file, "EVENT_LOOP: uvloop\n")[1], "event loop")
    assert finding.status is Status.FAILED
    assert finding.found.startswith("EVENT_LOOP: uvloop cannot be imported")
    assert not [each for each in read(file, "")[1] if each.name == "event loop"]
