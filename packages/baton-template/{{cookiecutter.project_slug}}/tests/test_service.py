"""The service: what runs on a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from baton import Server
from baton.testing import Client, ServiceFactory

from {{ cookiecutter.__package }}.messages import Measure
from {{ cookiecutter.__package }}.service import {{ cookiecutter.__prefix }}Service


@pytest.mark.parametrize("target", ["production", "shop.production", "web01.example.org", "*"])
def test_it_answers(
    baton_service: ServiceFactory,
    baton_client: Client,
    web01: Server,
    folder: Path,
    target: str,
) -> None:
    baton_service({{ cookiecutter.__prefix }}Service, web01)
    progress, answer = baton_client.ask(Measure(str(folder)).to_message(), target)
    assert progress.message["message"] == f"measuring {folder}"
    assert (answer.fqdn, answer.message["size"]) == ("web01.example.org", 7)


def test_every_server_answers(
    baton_service: ServiceFactory, baton_client: Client, web01: Server, folder: Path
) -> None:
    baton_service({{ cookiecutter.__prefix }}Service, web01)
    baton_service({{ cookiecutter.__prefix }}Service, Server("web02.example.org", "production"))
    replies = baton_client.ask(Measure(str(folder)).to_message(), "production")
    answers = [reply for reply in replies if reply.message.type == "measured"]
    assert {answer.fqdn for answer in answers} == {"web01.example.org", "web02.example.org"}


def test_an_error_is_answered_and_the_next_is_served(
    baton_service: ServiceFactory, baton_client: Client, web01: Server, folder: Path
) -> None:
    baton_service({{ cookiecutter.__prefix }}Service, web01)
    (error,) = baton_client.ask(Measure("/no/such/folder").to_message(), "production")
    assert error.message["error_class"] == "FileNotFoundError"
    (error,) = baton_client.ask({"type": "measure", "path": "etc"}, "production")
    assert error.message["error_class"] == "InvalidMessage"
    answer = baton_client.ask(Measure(str(folder)).to_message(), "production")[-1]
    assert answer.message.type == "measured"
