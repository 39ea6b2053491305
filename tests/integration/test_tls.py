"""TLS on a real broker, with both client libraries: who is trusted, who is let in, what is said."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import trustme

from baton import Configuration
from baton.errors import (
    AuthenticationFailed,
    BrokerUnavailable,
    CertificateRefused,
    Unroutable,
)
from baton.link import Phase
from baton.transports import TransportListener, open_transport
from baton_ping.api import PingAPI
from brokers import Broker, Vhost, fresh_vhost
from integration.authority import HOST, Authority, impostor
from integration.running import WEB01, ask, command, process, reach, running

USER = "web01.example.org"

Configure = Callable[..., Configuration]

DEMAND = """
[begin
   ranch:suspend_listener(Ref),
   Options = ranch:get_transport_options(Ref),
   Socket = lists:keystore(
     fail_if_no_peer_cert, 1, maps:get(socket_opts, Options), {{fail_if_no_peer_cert, {demanded}}}),
   ranch:set_transport_options(Ref, Options#{{socket_opts := Socket}}),
   ranch:resume_listener(Ref)
 end || {{Ref, #{{transport := ranch_ssl}}}} <- maps:to_list(ranch:info())].
"""


@pytest.fixture
def vhost(tls_rabbitmq: Broker, request: pytest.FixtureRequest) -> Iterator[Vhost]:
    """A virtual host on the broker that has TLS; a user without a password may use it."""
    with fresh_vhost(tls_rabbitmq, request.node.name) as vhost:
        vhost.api.request("PUT", "users", USER, body={"password_hash": "", "tags": ""})
        vhost.api.set_permissions(USER, vhost.name)
        yield vhost
        vhost.api.delete_user(USER)


@pytest.fixture
def authority(ca: trustme.CA, tmp_path: Path) -> Authority:
    return Authority(ca, tmp_path)


@pytest.fixture
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One that nobody trusts."""
    return Authority(trustme.CA(), tmp_path_factory.mktemp("stranger"))


@pytest.fixture
def configure(vhost: Vhost, authority: Authority) -> Configure:
    """Makes configurations that trust the broker; its user has a password unless set otherwise."""

    def configure(**settings: Any) -> Configuration:
        reach = {
            "rabbit_scheme": "amqps",
            "rabbit_host": HOST,
            "rabbit_port": vhost.broker.tls_port,
            "rabbit_vhost": vhost.name,
            "rabbit_tls_ca_file": authority.trusted(),
            "reconnect_max": 0.1,
        }
        return Configuration(**reach | settings)

    return configure


@contextmanager
def certificates_demanded(broker: Broker) -> Iterator[None]:
    """Within the block the broker speaks to nobody without a certificate."""
    broker.rabbitmqctl("eval", DEMAND.format(demanded="true"))
    try:
        yield
    finally:
        broker.rabbitmqctl("eval", DEMAND.format(demanded="false"))


@contextmanager
def mechanism(broker: Broker, name: str) -> Iterator[None]:
    """Within the block the broker authenticates in this way alone."""
    setting = "application:set_env(rabbit, auth_mechanisms, [{}])."
    broker.rabbitmqctl("eval", setting.format(f"'{name}'"))
    try:
        yield
    finally:
        broker.rabbitmqctl("eval", setting.format("'PLAIN', 'EXTERNAL'"))


async def refused(configuration: Configuration) -> BrokerUnavailable:
    """Why there is no connection: both libraries say the same, and mean the same."""
    endpoint = configuration.endpoints[0]
    transport = open_transport(configuration, endpoint, TransportListener(), "test")
    try:
        with pytest.raises(BrokerUnavailable) as by_transport:
            async with asyncio.timeout(10):
                await transport.open()
    finally:
        await transport.close()
    with PingAPI(configuration) as api, pytest.raises(BrokerUnavailable) as by_publisher:
        await asyncio.to_thread(api.ping, USER)
    assert by_publisher.type is by_transport.type
    text = str(by_publisher.value).removeprefix("No broker could be reached: ")
    assert text == str(by_transport.value)
    assert text.startswith(str(endpoint))
    return by_transport.value


def url(configuration: Configuration, **more: object) -> str:
    """The URL that stands for *configuration*."""
    query = {"cacertfile": configuration.rabbit_tls_ca_file, **more}
    return (
        f"amqps://{configuration.endpoints[0]}/{configuration.rabbit_vhost}?"
        f"{urlencode(query, safe='/')}"
    )


# Who is let in


@pytest.mark.parametrize("name", [None, USER])
async def test_a_user_by_certificate_alone(
    configure: Configure, authority: Authority, name: str | None
) -> None:
    named = {} if name is None else {"rabbit_user": name}
    configuration = configure(rabbit_pass="wrong", **authority.client(USER), **named)
    async with running(configuration):
        (reply,) = await ask(configuration, {"type": "ping"}, WEB01.fqdn)
        assert (reply.message.type, reply.message.user_id) == ("pong", name)
        with PingAPI(configuration) as api:
            await asyncio.to_thread(api.ping, WEB01.fqdn)


async def test_a_password_through_tls(configure: Configure) -> None:
    configuration = configure()
    async with running(configuration):
        (reply,) = await ask(configuration, {"type": "ping"}, WEB01.fqdn)
        assert reply.message.user_id == "guest"
        with PingAPI(configuration) as api:
            await asyncio.to_thread(api.ping, WEB01.fqdn)


async def test_a_host_by_another_name(configure: Configure) -> None:
    configuration = configure(rabbit_host="127.0.0.1", rabbit_tls_server_name=HOST)
    async with running(configuration):
        with PingAPI(configuration) as api:
            await asyncio.to_thread(api.ping, WEB01.fqdn)


# Who is not trusted


@pytest.mark.parametrize(
    ("name", "validity", "words"),
    [
        (HOST, {"since": -2, "until": -1}, "its certificate has expired: renew it on the broker, "),
        (HOST, {"since": 1, "until": 2}, "its certificate is not valid yet: look at the clock "),
        ("elsewhere", {}, f'its certificate is not for "{HOST}": RABBIT_HOST should be a name '),
    ],
)
async def test_a_certificate_that_is_not_trusted(
    configure: Configure, authority: Authority, name: str, validity: dict[str, float], words: str
) -> None:
    file = authority.client(name, **validity)["rabbit_tls_cert_file"]
    with impostor(file) as host:
        error = await refused(configure(rabbit_host=host))
    assert type(error) is CertificateRefused
    assert str(error).startswith(f"{host} ({words}")


async def test_the_name_of_the_host_is_verified(configure: Configure) -> None:
    error = await refused(configure(rabbit_host="127.0.0.1"))
    assert type(error) is CertificateRefused
    assert '(its certificate is not for "127.0.0.1": RABBIT_HOST should be a name' in str(error)


@pytest.mark.parametrize("is_set", [True, False])
async def test_an_unknown_issuer(configure: Configure, stranger: Authority, is_set: bool) -> None:
    ca_file = stranger.trusted() if is_set else None
    error = await refused(configure(rabbit_tls_ca_file=ca_file))
    assert type(error) is CertificateRefused
    assert "RABBIT_TLS_CA_FILE" in str(error)
    assert (f"is not in RABBIT_TLS_CA_FILE ({ca_file})" in str(error)) is is_set
    assert ("the system does not trust" in str(error)) is not is_set


async def test_a_certificate_that_signed_itself(
    configure: Configure, stranger: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "self-signed.pem"
    file.write_bytes(stranger.ca.private_key_pem.bytes() + stranger.ca.cert_pem.bytes())
    with impostor(file) as host:
        error = await refused(configure(rabbit_host=host))
    assert type(error) is CertificateRefused
    assert "(its certificate is self-signed and not in RABBIT_TLS_CA_FILE (" in str(error)


# Who is not let in


async def test_a_client_without_a_certificate(configure: Configure, vhost: Vhost) -> None:
    with certificates_demanded(vhost.broker):
        error = await refused(configure())
    assert type(error) is CertificateRefused
    assert "it wants a certificate of the client: set RABBIT_TLS_CERT_FILE" in str(error)


async def test_a_client_whose_certificate_expired(
    configure: Configure, authority: Authority
) -> None:
    settings = authority.client(USER, since=-2, until=-1)
    error = await refused(configure(**settings))
    assert type(error) is CertificateRefused
    file = settings["rabbit_tls_cert_file"]
    assert (
        f"(it refused the certificate in RABBIT_TLS_CERT_FILE ({file}): it has expired)"
    ) in str(error)


async def test_a_client_of_an_unknown_issuer(configure: Configure, stranger: Authority) -> None:
    error = await refused(configure(**stranger.client(USER)))
    assert type(error) is CertificateRefused
    assert "the broker does not know its issuer" in str(error)


async def test_a_client_that_is_no_user(configure: Configure, authority: Authority) -> None:
    error = await refused(configure(**authority.client("nobody.example.org")))
    assert type(error) is AuthenticationFailed
    assert "refused the user of the certificate in RABBIT_TLS_CERT_FILE (" in str(error)


async def test_a_vhost_that_is_not_there(configure: Configure, authority: Authority) -> None:
    error = await refused(configure(rabbit_vhost="missing", **authority.client(USER)))
    assert type(error) is AuthenticationFailed
    assert 'refused the vhost "missing" to the user of the certificate' in str(error)


async def test_a_broker_that_takes_no_user_from_a_certificate(
    configure: Configure, authority: Authority, vhost: Vhost
) -> None:
    with mechanism(vhost.broker, "PLAIN"):
        error = await refused(configure(**authority.client(USER)))
    assert type(error) is AuthenticationFailed
    assert "takes no user from a certificate: enable rabbitmq_auth_mechanism_ssl" in str(error)


async def test_a_broker_that_takes_no_password(
    configure: Configure, authority: Authority, vhost: Vhost
) -> None:
    with mechanism(vhost.broker, "EXTERNAL"):
        error = await refused(configure(**authority.client(USER) | {"rabbit_auth": "plain"}))
    assert type(error) is AuthenticationFailed
    assert "takes no password: set RABBIT_AUTH: external" in str(error)


# The wrong port


async def test_tls_where_there_is_none(configure: Configure, vhost: Vhost) -> None:
    error = await refused(configure(rabbit_port=vhost.broker.port))
    assert type(error) is BrokerUnavailable
    assert "(it does not speak TLS on this port: RABBIT_PORT should be" in str(error)


async def test_no_tls_where_there_is_some(configure: Configure) -> None:
    error = await refused(configure(rabbit_scheme="amqp"))
    assert type(error) is BrokerUnavailable
    assert "(it speaks TLS on this port: RABBIT_SCHEME should be amqps" in str(error)


# What gets better


async def test_another_host_of_the_pool_is_trusted(
    configure: Configure, authority: Authority, vhost: Vhost
) -> None:
    expired = authority.client(HOST, since=-2, until=-1)["rabbit_tls_cert_file"]
    with impostor(expired) as host:
        configuration = configure(rabbit_host=f"{host},{HOST}:{vhost.broker.tls_port}")
        async with running(configuration):
            for _ in range(4):  # each begins with one of the two
                with PingAPI(configuration) as api:
                    await asyncio.to_thread(api.ping, WEB01.fqdn)
                assert await ask(configuration, {"type": "ping"}, WEB01.fqdn)


async def test_a_renewed_certificate_is_used_at_the_next_attempt(
    configure: Configure, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    configuration = configure(**authority.client(USER, since=-2, until=-1))
    with PingAPI(configuration) as api:
        async with running(configuration, ready=False) as service:
            await reach(service, Phase.DISCONNECTED)
            assert "it has expired" in service.channel.state.reason
            with pytest.raises(CertificateRefused, match="it has expired"):
                await asyncio.to_thread(api.ping, WEB01.fqdn)

            authority.client(USER)

            await reach(service, Phase.READY)
            await asyncio.to_thread(api.ping, WEB01.fqdn)
    ours = [each for each in caplog.records if each.name.startswith("baton")]
    assert not any(each.exc_info for each in ours)


async def test_an_issuer_that_is_trusted_later(
    configure: Configure, authority: Authority, stranger: Authority
) -> None:
    ca_file = stranger.trusted()
    configuration = configure(rabbit_tls_ca_file=ca_file)
    async with running(configuration, ready=False) as service:
        await reach(service, Phase.DISCONNECTED)
        authority.ca.cert_pem.write_to_path(ca_file, append=True)
        await reach(service, Phase.READY)


# From outside


def test_a_command_with_a_url(configure: Configure, authority: Authority) -> None:
    certificate = authority.client(USER)["rabbit_tls_cert_file"]
    good = url(configure(), certfile=certificate, auth_mechanism="external", verify="verify_peer")
    fqdn = {"BATON_FQDN": WEB01.fqdn}
    with process("--url", good, **fqdn) as service:
        service.wait_for("is ready")
        ended = command("ping", WEB01.fqdn, "--url", good)
    assert (ended.code, ended.err) == (0, "")
    assert WEB01.fqdn in ended.out


def test_exit_codes(configure: Configure, stranger: Authority) -> None:
    trusting = configure()
    suspicious = configure(rabbit_tls_ca_file=stranger.trusted())
    nowhere = configure(rabbit_tls_ca_file=Path("/nowhere/ca.pem"))
    for target, code, words in (
        (url(suspicious), 3, "is not in RABBIT_TLS_CA_FILE"),
        (url(nowhere), 2, "RABBIT_TLS_CA_FILE: /nowhere/ca.pem cannot be read"),
        (url(trusting, auth_mechanism="external"), 2, "RABBIT_TLS_CERT_FILE is not set"),
        (url(trusting, verify="verify_none"), 2, "verify=verify_peer or none"),
    ):
        for arguments in (["ping", "x"], ["send", "ping", "x", '{"type": "ping"}']):
            ended = command(*arguments, "--url", target)
            assert ended.code == code, ended.err
            assert words in ended.err
            assert len(ended.err.splitlines()) == 1


def test_a_service_says_it_in_one_line(configure: Configure, stranger: Authority) -> None:
    target = url(configure(rabbit_tls_ca_file=stranger.trusted()))
    secret = target.replace("amqps://", "amqps://guest:s3cret@")
    debug = ("--log-level", "debug")
    with process("--url", secret, *debug, BATON_RECONNECT_MAX="0.1") as service:
        service.wait_for("is not in RABBIT_TLS_CA_FILE")
        service.wait_for("is not in RABBIT_TLS_CA_FILE")
        service.end()
    said = "\n".join(service.lines)
    assert "s3cret" not in said
    assert "Traceback" not in said
    assert len(re.findall("publishes .*trying again", said)) <= 1
    assert len(re.findall("consumes .*trying again", said)) <= 1


def test_a_password_is_in_no_text(configure: Configure) -> None:
    target = url(configure()).replace("amqps://", "amqps://guest:s3cret@")
    for arguments in (["ping", "x"], ["send", "ping", "x", '{"type": "ping"}']):
        ended = command(*arguments, "--url", target)
        assert ended.code == 3
        assert 'refused the user "guest": wrong user or password' in ended.err
        assert "s3cret" not in ended.err + ended.out


def test_nobody_listens(configure: Configure) -> None:
    with PingAPI(configure()) as api, pytest.raises(Unroutable):
        api.ping("nobody.example.org")
