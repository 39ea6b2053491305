"""Configuration: its sources, what wins, what is wrong, and what stays secret."""

from __future__ import annotations

import copy
import itertools
import json
import logging
import os
import pickle
import subprocess
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import baton
from baton.broker_url import Endpoint
from baton.configuration import Configuration, configure, default_path
from baton.errors import ConfigurationError

SECRET = "hunter2"
LEVELS = ("keyword", "environment", "file", "configure")
BELOW = tuple(itertools.combinations(LEVELS, 2))
BELOW_OR_BESIDE = tuple(itertools.combinations_with_replacement(LEVELS, 2))


class Sources:
    """Sets keys at the several levels, and loads them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = folder / "x.cfg"
        self._options: dict[str, Any] = {}
        self._defaults: dict[str, Any] = {}
        self._content: dict[str, Any] = {}
        self._monkeypatch = monkeypatch

    def set(self, level: str, **settings: Any) -> None:
        for key, value in settings.items():
            match level:
                case "keyword":
                    self._options[key] = value
                case "environment":
                    self._monkeypatch.setenv(f"BATON_{key.upper()}", value)
                case "file":
                    self._content[key.upper()] = value
                case _:
                    self._defaults[key] = value

    def load(self) -> Configuration:
        configure(**self._defaults)
        self.file.write_text(json.dumps(self._content))
        return Configuration.load(self.file, **self._options)

    def fail(self) -> str:
        """Load, and return what the error says."""
        with pytest.raises(ConfigurationError) as caught:
            self.load()
        return str(caught.value)


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    return Sources(tmp_path, monkeypatch)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "x.cfg"


def loaded(file: Path, text: str) -> Configuration:
    file.write_text(text)
    return Configuration.load(file)


def endpoints(configuration: Configuration) -> list[str]:
    return [str(endpoint) for endpoint in configuration.endpoints]


# The defaults


def test_the_defaults() -> None:
    configuration = Configuration.load()
    assert endpoints(configuration) == ["localhost:5672"]
    assert configuration.rabbit_vhost == "/"
    assert configuration.rabbit_user == "guest"
    assert configuration.read_password() == "guest"
    assert configuration.rabbit_heartbeat == 10
    assert configuration.pulse == 15
    assert configuration.deadline == 5
    assert configuration.environment is None
    assert configuration.app_names == ()
    assert not configuration.tls
    assert not configuration.interop
    assert configuration.path is None
    assert configuration.origins == {}


def test_the_default_file() -> None:
    assert default_path("baton-ping") == Path("/etc/baton-ping/baton-ping.cfg")


# The file


ORIGINAL = """\
RABBIT_HOST: mq1.example.org,mq2.example.org
RABBIT_PORT: 5673
RABBIT_VHOST: baton
RABBIT_USER: alice
RABBIT_PASS: secret
RABBIT_HEARTBEAT: 60
PID_FILE: /var/run/baton-ping.pid
LOG_FILE: /var/log/baton-ping.log
MONITOR_KEY: 7
"""


def test_the_originals_file(file: Path) -> None:
    configuration = loaded(file, ORIGINAL)
    assert endpoints(configuration) == ["mq1.example.org:5673", "mq2.example.org:5673"]
    assert configuration.rabbit_vhost == "baton"
    assert configuration.rabbit_user == "alice"
    assert configuration.read_password() == "secret"
    assert configuration.rabbit_heartbeat == 60
    assert configuration.pid_file == Path("/var/run/baton-ping.pid")
    assert configuration.log_file == Path("/var/log/baton-ping.log")
    extra: Any = configuration
    assert extra.monitor_key == 7
    assert extra.unheard_of is None
    assert configuration.path == file
    assert configuration.origins["rabbit_user"] == f"{file}: RABBIT_USER"


def test_a_key_without_a_value_is_not_set(file: Path) -> None:
    configuration = loaded(file, "RABBIT_VHOST:\nRABBIT_PASS: ~\nRABBIT_HOST: mq1\nPID_FILE:\n")
    assert configuration.rabbit_vhost == "/"
    assert configuration.read_password() == "guest"
    assert configuration.pid_file is None
    assert set(configuration.origins) == {"rabbit_host"}


def test_an_empty_variable_is_not_set(sources: Sources) -> None:
    sources.set("environment", rabbit_host="", rabbit_url="", rabbit_pass="")
    assert sources.load().origins == {}


def test_an_option_that_is_none_is_not_set(sources: Sources) -> None:
    sources.set("keyword", rabbit_url=None, prefetch=None)
    sources.set("configure", host=None, password=None)
    assert sources.load().origins == {}


@pytest.mark.parametrize("password", ["0123", "yes", "1e3", "2024-01-01", "a: b", " x ", "é", "~"])
@pytest.mark.parametrize("level", LEVELS)
def test_passwords_stay_as_they_are(sources: Sources, level: str, password: str) -> None:
    sources.set(level, rabbit_pass=password)
    assert sources.load().read_password() == password


def test_numbers_are_taken_for_text_where_text_is_wanted(sources: Sources) -> None:
    sources.set("configure", password=1234, user=5, vhost=6)
    configuration = sources.load()
    assert configuration.read_password() == "1234"
    assert (configuration.rabbit_user, configuration.rabbit_vhost) == ("5", "6")


def test_a_missing_file_is_an_error_in_the_log(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert Configuration.load(file) == Configuration()
    assert caplog.record_tuples == [
        (
            "baton.configuration",
            logging.ERROR,
            f"Could not find a baton configuration file at {file}",
        )
    ]


def test_a_missing_default_file_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    configuration = Configuration.load(extension="baton-of-a-test")
    assert endpoints(configuration) == ["localhost:5672"]
    assert configuration.path is None
    assert caplog.record_tuples == [
        (
            "baton.configuration",
            logging.INFO,
            "Could not find a baton configuration file at /etc/baton-of-a-test/baton-of-a-test.cfg",
        )
    ]


def test_yaml_is_imported_where_there_is_a_file(
    tmp_path: Path, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """A service without a file need not wait for YAML, which takes 20 ms."""
    file = tmp_path / "x.cfg"
    program = (
        "import sys; from baton.configuration import Configuration; "
        "print(Configuration.load(sys.argv[1]).colour, 'yaml' in sys.modules)"
    )
    assert run("-c", program, str(file)).stdout == "None False\n"
    file.write_text("COLOUR: blue")
    assert run("-c", program, str(file)).stdout == "blue True\n"


def test_a_file_whose_name_has_braces(tmp_path: Path) -> None:
    file = tmp_path / "{x}.cfg"
    file.write_text("PREFETCH: lots\n")
    with pytest.raises(ConfigurationError) as caught:
        Configuration.load(file)
    assert str(caught.value) == f'{file}: PREFETCH "lots" should be a valid integer'


@pytest.mark.parametrize("key", ["SELF", "_PATH", "_ORIGINS", "_CLI_PARSE_ARGS", "__DICT__"])
def test_no_key_of_a_file_reaches_what_is_not_a_setting(file: Path, key: str) -> None:
    configuration = loaded(file, f"{key}: true\nPREFETCH: 7\n")
    assert configuration.prefetch == 7
    assert configuration.path == file


# What wins


@pytest.mark.parametrize(("higher", "lower"), BELOW)
def test_the_higher_source_wins(sources: Sources, higher: str, lower: str) -> None:
    sources.set(lower, rabbit_host="mq-lower", exchange="lower", colour="red")
    sources.set(higher, rabbit_host="mq-higher", colour="blue")
    configuration: Any = sources.load()
    assert endpoints(configuration) == ["mq-higher:5672"]
    assert configuration.colour == "blue"
    assert configuration.exchange == "lower", "what the higher one does not set"


@pytest.mark.parametrize("level", LEVELS)
def test_every_source_wins_over_the_default(sources: Sources, level: str) -> None:
    sources.set(level, prefetch="7", colour="blue")
    configuration: Any = sources.load()
    assert configuration.prefetch == 7
    assert configuration.colour == "blue"


@pytest.mark.parametrize(
    ("level", "origin"),
    [
        ("keyword", "option PREFETCH"),
        ("environment", "environment BATON_PREFETCH"),
        ("file", "{file}: PREFETCH"),
        ("configure", "baton.configure: PREFETCH"),
    ],
)
def test_origins(sources: Sources, level: str, origin: str) -> None:
    sources.set(level, prefetch="7")
    assert sources.load().origins == {"prefetch": origin.replace("{file}", str(sources.file))}


PARTS = {
    "rabbit_host": "mq-part:1",
    "rabbit_port": "2",
    "rabbit_vhost": "part",
    "rabbit_user": "part",
    "rabbit_pass": "part",
}
URL = "amqps://url:%2F%40@mq-url/v"


@pytest.mark.parametrize(("higher", "lower"), BELOW_OR_BESIDE)
def test_a_url_wins_over_parts_beside_and_below(sources: Sources, higher: str, lower: str) -> None:
    sources.set(lower, **PARTS)
    sources.set(higher, rabbit_url=URL)
    configuration = sources.load()
    assert endpoints(configuration) == ["mq-url:5671"]
    assert configuration.tls
    assert configuration.rabbit_vhost == "v"
    assert configuration.rabbit_user == "url"
    assert configuration.read_password() == "/@"


@pytest.mark.parametrize(("higher", "lower"), BELOW)
def test_parts_win_over_a_url_below(sources: Sources, higher: str, lower: str) -> None:
    sources.set(lower, rabbit_url=URL)
    sources.set(higher, rabbit_user="part", rabbit_pass="part")
    configuration = sources.load()
    assert endpoints(configuration) == ["mq-url:5671"]
    assert configuration.rabbit_vhost == "v"
    assert configuration.rabbit_user == "part"
    assert configuration.read_password() == "part"


@pytest.mark.parametrize(("higher", "lower"), BELOW)
def test_a_url_wins_over_a_url_below(sources: Sources, higher: str, lower: str) -> None:
    sources.set(lower, rabbit_url=URL)
    sources.set(higher, rabbit_url="amqp://mq2")
    configuration = sources.load()
    assert endpoints(configuration) == ["mq2:5672"]
    assert configuration.rabbit_user == "url", "the higher one says nothing of it"


def test_where_a_part_of_a_url_came_from(sources: Sources) -> None:
    sources.set("environment", rabbit_url="amqp://alice@mq1")
    sources.set("file", rabbit_user="bob", rabbit_vhost="v")
    assert sources.load().origins == {
        "rabbit_scheme": "environment BATON_RABBIT_URL, scheme",
        "rabbit_host": "environment BATON_RABBIT_URL, host",
        "rabbit_port": "environment BATON_RABBIT_URL, port",
        "rabbit_user": "environment BATON_RABBIT_URL, user",
        "rabbit_vhost": f"{sources.file}: RABBIT_VHOST",
    }


# Hosts


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"rabbit_host": "mq1"}, ["mq1:5672"]),
        ({"rabbit_host": " mq1 , mq2:5673,mq3 "}, ["mq1:5672", "mq2:5673", "mq3:5672"]),
        ({"rabbit_host": "mq1,mq2:1", "rabbit_port": "2"}, ["mq1:2", "mq2:1"]),
        ({"rabbit_host": "10.0.0.1"}, ["10.0.0.1:5672"]),
        ({"rabbit_host": "[::1]"}, ["[::1]:5672"]),
        ({"rabbit_host": "[::1]:5673,[2001:db8::7]"}, ["[::1]:5673", "[2001:db8::7]:5672"]),
        ({"rabbit_host": '["mq1", "mq2:5673"]'}, ["mq1:5672", "mq2:5673"]),
        ({"rabbit_host": "mq1", "rabbit_scheme": "amqps"}, ["mq1:5671"]),
        ({"rabbit_url": "amqp://mq1,[::1]:5673"}, ["mq1:5672", "[::1]:5673"]),
    ],
)
@pytest.mark.parametrize("level", LEVELS)
def test_hosts(sources: Sources, level: str, settings: dict[str, str], expected: list[str]) -> None:
    sources.set(level, **settings)
    assert endpoints(sources.load()) == expected


@pytest.mark.parametrize("level", ["keyword", "file", "configure"])
def test_hosts_as_a_list(sources: Sources, level: str) -> None:
    sources.set(level, rabbit_host=["mq1", "mq2:5673"])
    assert endpoints(sources.load()) == ["mq1:5672", "mq2:5673"]


def test_hosts_as_endpoints() -> None:
    configuration = Configuration(rabbit_host=(Endpoint("mq1", 1),))
    assert endpoints(configuration) == ["mq1:1"]


NO_HOST = "is no host: host or host:port is allowed"
NO_PORT = "has no valid port: 1 to 65535 is allowed"
NO_BRACKETS = "is no host: an IPv6 address stands in brackets"
HOSTS_ALONE = "takes hosts alone, as host or host:port: a URL belongs in RABBIT_URL"


@pytest.mark.parametrize(
    ("hosts", "reason"),
    [
        (",", f'"" {NO_HOST}'),
        ("mq1,,mq2", f'"" {NO_HOST}'),
        ("mq1,", f'"" {NO_HOST}'),
        ("mq1 mq2", f'"mq1 mq2" {NO_HOST}'),
        ("mq1;mq2", None),
        ("mq1:", f'"mq1:" {NO_PORT}'),
        ("mq1:0", f'"mq1:0" {NO_PORT}'),
        ("mq1,mq2:99999", f'"mq2:99999" {NO_PORT}'),
        ("::1", f'"::1" {NO_BRACKETS}'),
        ("[::1", f'"[::1" {NO_BRACKETS}'),
        (
            '["mq1"',
            '"["mq1"" is not a JSON list: Expecting \',\' delimiter: line 1 column 7 (char 6)',
        ),
        ("[]", f'"[]" {NO_HOST}'),
        ("amqp://mq1", HOSTS_ALONE),
        (f"amqp://baton:{SECRET}@mq1", HOSTS_ALONE),
        (f"baton:{SECRET},x@mq1", HOSTS_ALONE),
    ],
)
def test_malformed_hosts(sources: Sources, hosts: str, reason: str | None) -> None:
    sources.set("file", rabbit_host=hosts)
    if reason is None:  # strange, but a name
        assert endpoints(sources.load()) == [f"{hosts}:5672"]
    else:
        assert sources.fail() == f"{sources.file}: RABBIT_HOST {reason}"


# Lists


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("shop", ("shop",)),
        ("shop,blog", ("shop", "blog")),
        (" shop , blog ,, ", ("shop", "blog")),
        ('["shop", "blog"]', ("shop", "blog")),
        (' ["a, b"]', ("a, b",)),
        ("[]", ()),
        (",", ()),
    ],
)
@pytest.mark.parametrize("level", LEVELS)
def test_lists(sources: Sources, level: str, text: str, names: tuple[str, ...]) -> None:
    sources.set(level, app_names=text, facts=text)
    configuration = sources.load()
    assert configuration.app_names == names
    assert configuration.facts == tuple(Path(name).absolute() for name in names)


def test_lists_in_yaml(file: Path) -> None:
    configuration = loaded(file, "APP_NAMES: [on, 0123]\nFACTS:\n- /a\n- /b\n")
    assert configuration.app_names == ("on", "0123")
    assert configuration.facts == (Path("/a"), Path("/b"))


@pytest.mark.parametrize("level", LEVELS)
def test_the_environment_is_in_lower_case(sources: Sources, level: str) -> None:
    sources.set(level, environment=" Production ")
    assert sources.load().environment == "production"


# Wrong values


@pytest.mark.parametrize(
    ("level", "where"),
    [
        ("keyword", "option "),
        ("environment", "environment BATON_"),
        ("file", "{file}: "),
        ("configure", "baton.configure: "),
    ],
)
@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("prefetch", "lots", "should be a valid integer"),
        ("prefetch", "1.5", "should be a valid integer"),
        ("prefetch", "0", "should be greater than or equal to 1"),
        ("rabbit_port", "65536", "should be less than or equal to 65535"),
        ("rabbit_heartbeat", "-1", "should be greater than or equal to 0"),
        ("grace", "soon", "should be a valid number"),
        ("grace", "nan", "should be less than or equal to 86400"),
        ("expires", "0", "should be greater than 0"),
        ("handler_timeout", "inf", "should be less than or equal to 604800"),
        ("interop", "perhaps", "should be true or false"),
        ("rabbit_scheme", "http", "should be 'amqp', 'amqps' or 'memory'"),
        ("app_names", "[null]", "should be a list of names alone"),
    ],
)
def test_a_wrong_value(
    sources: Sources, level: str, where: str, key: str, value: str, allowed: str
) -> None:
    sources.set(level, **{key: value})
    name = key if level == "configure" else key.upper()
    place = where.replace("{file}", str(sources.file))
    assert sources.fail() == f'{place}{name} "{value}" {allowed}'


def test_a_long_wrong_value_is_repeated_in_part(sources: Sources) -> None:
    sources.set("environment", outbox_bytes="9" * 5000)
    assert sources.fail() == (
        f'environment BATON_OUTBOX_BYTES "{"9" * 199}…" should be a valid integer'
    )


@pytest.mark.parametrize(
    ("content", "allowed"),
    [
        ({"PREFETCH": [1]}, 'PREFETCH ["1"] should be a valid integer'),
        ({"GRACE": {}}, "GRACE {} should be a valid number"),
        ({"INTEROP": [1]}, 'INTEROP ["1"] should be true or false'),
        ({"RABBIT_VHOST": ["a"]}, 'RABBIT_VHOST ["a"] should be a string'),
        ({"RABBIT_PASS": [SECRET]}, "RABBIT_PASS should be a string"),
        ({"RABBIT_PASS_FILE": [1]}, 'RABBIT_PASS_FILE ["1"] should be a path'),
        (
            {"RABBIT_HOST": []},
            "RABBIT_HOST names no host: one or more are allowed, as host or host:port",
        ),
        (
            {"RABBIT_HOST": {"mq1": 1}},
            'RABBIT_HOST {"mq1": "1"} should be a list, in JSON or separated by commas',
        ),
        (
            {"APP_NAMES": {"shop": 1}},
            'APP_NAMES {"shop": "1"} should be a list, in JSON or separated by commas',
        ),
        (
            {"PREFETCH": "x", "GRACE": "y"},
            'PREFETCH "x" should be a valid integer; {file}: GRACE "y" should be a valid number',
        ),
    ],
)
def test_a_wrong_value_in_a_file(file: Path, content: dict[str, Any], allowed: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(file, json.dumps(content))
    assert str(caught.value) == f"{file}: {allowed}".replace("{file}", str(file))


def test_a_wrong_value_in_a_url(sources: Sources) -> None:
    sources.set("environment", rabbit_url=f"amqp://a:{SECRET}@mq1?heartbeat=lots")
    assert sources.fail() == (
        'environment BATON_RABBIT_URL, heartbeat "lots" should be a valid integer'
    )


def test_a_wrong_keyword() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Configuration(prefetch="lots")
    assert str(caught.value) == 'PREFETCH "lots" should be a valid integer'
    with pytest.raises(ConfigurationError) as caught:
        Configuration(rabbit_url="mq1")
    assert str(caught.value) == (
        "RABBIT_URL is no broker's URL: it starts with one of amqp://, amqps://, memory://"
    )


def test_a_list_of_bytes_that_are_not_utf_8(sources: Sources) -> None:
    sources.set("environment", app_names='["\udcd4')
    assert sources.fail().startswith(
        'environment BATON_APP_NAMES "["\N{REPLACEMENT CHARACTER}" is not a JSON list: '
    )


def test_a_list_that_is_nested_without_end(sources: Sources) -> None:
    sources.set("environment", app_names="[" * 100_000)
    assert sources.fail().startswith(f'environment BATON_APP_NAMES "{"[" * 199}…" is not a JSON')


@pytest.mark.parametrize("level", LEVELS)
def test_a_url_with_an_unknown_scheme(sources: Sources, level: str) -> None:
    sources.set(level, rabbit_url=f"http://baton:{SECRET}@mq1")
    text = sources.fail()
    assert text.upper().partition("RABBIT_URL")[1] or level == "configure"
    assert text.endswith(" is no broker's URL: it starts with one of amqp://, amqps://, memory://")


# baton.configure


def test_configure_as_the_seed_has_it() -> None:
    baton.configure(
        host="mq1,mq2:5673",
        port=5674,
        vhost="baton",
        user="alice",
        password="0123",
        heartbeat=30,
        exchange="in",
        exchange_out="out",
        pusher_key="foo",
    )
    configuration: Any = Configuration.load()
    assert endpoints(configuration) == ["mq1:5674", "mq2:5673"]
    assert configuration.rabbit_vhost == "baton"
    assert configuration.rabbit_user == "alice"
    assert configuration.read_password() == "0123"
    assert configuration.rabbit_heartbeat == 30
    assert configuration.exchange == "in"
    assert configuration.exchange_out == "out"
    assert configuration.pusher_key == "foo"


def test_each_call_of_configure_replaces_the_one_before() -> None:
    baton.configure(host="mq1", vhost="baton")
    baton.configure(host="mq2")
    configuration = Configuration.load()
    assert endpoints(configuration) == ["mq2:5672"]
    assert configuration.rabbit_vhost == "/"


def test_a_wrong_call_of_configure_changes_nothing() -> None:
    baton.configure(host="mq1")
    with pytest.raises(ConfigurationError) as caught:
        baton.configure(host="mq2", port="x")
    assert str(caught.value) == 'baton.configure: port "x" should be a valid integer'
    assert endpoints(Configuration.load()) == ["mq1:5672"]


def test_a_constructor_call_reads_nothing_from_outside(sources: Sources) -> None:
    sources.set("environment", rabbit_host="mq1")
    baton.configure(vhost="baton")
    assert Configuration().rabbit_vhost == "/"
    assert endpoints(Configuration()) == ["localhost:5672"]


# The password file


def test_the_password_file_is_read_again_each_time(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    configuration = Configuration(rabbit_pass="other", rabbit_pass_file=secret)
    secret.write_text(" old secret \n")
    assert configuration.read_password() == " old secret "
    secret.write_text("rotated")
    assert configuration.read_password() == "rotated"


def test_a_password_file_that_is_missing(tmp_path: Path) -> None:
    configuration = Configuration(rabbit_pass_file=tmp_path / "secret")
    with pytest.raises(ConfigurationError) as caught:
        configuration.read_password()
    assert str(caught.value) == (
        f"RABBIT_PASS_FILE: {tmp_path / 'secret'} cannot be read: No such file or directory"
    )


def test_a_pipe_as_password_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "secret")
    with pytest.raises(ConfigurationError, match="secret cannot be read: it is no regular file"):
        Configuration(rabbit_pass_file=tmp_path / "secret").read_password()


def test_a_password_file_that_is_not_utf_8(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET.encode() + b"\xff")
    with pytest.raises(ConfigurationError) as caught:
        Configuration(rabbit_pass_file=secret).read_password()
    assert str(caught.value) == f"RABBIT_PASS_FILE: {secret} cannot be read: it is not in UTF-8"
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(("higher", "lower"), BELOW)
@pytest.mark.parametrize("key", ["rabbit_pass", "rabbit_url"])
def test_a_password_wins_over_a_password_file_below(
    sources: Sources, tmp_path: Path, higher: str, lower: str, key: str
) -> None:
    (tmp_path / "secret").write_text("from the file")
    sources.set(lower, rabbit_pass_file=str(tmp_path / "secret"))
    sources.set(higher, **{key: "amqp://a:b@mq1" if key == "rabbit_url" else "b"})
    assert sources.load().read_password() == "b"


@pytest.mark.parametrize(("higher", "lower"), BELOW_OR_BESIDE)
def test_a_password_file_wins_over_a_password_below(
    sources: Sources, tmp_path: Path, higher: str, lower: str
) -> None:
    (tmp_path / "secret").write_text("from the file")
    sources.set(lower, rabbit_pass="b")
    sources.set(higher, rabbit_pass_file=str(tmp_path / "secret"))
    assert sources.load().read_password() == "from the file"


def test_a_url_without_a_password_leaves_the_password_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file")
    configuration = Configuration(
        rabbit_url="amqp://alice@mq1", rabbit_pass_file=tmp_path / "secret"
    )
    assert configuration.read_password() == "from the file"


# One frozen object


def test_it_is_frozen() -> None:
    configuration: Any = Configuration()
    for key in ("prefetch", "rabbit_pass", "colour"):
        with pytest.raises(AttributeError) as caught:
            setattr(configuration, key, SECRET)
        assert str(caught.value) == f"A Configuration is frozen: {key} cannot be set"
    assert configuration == Configuration()


def test_copies_are_equal() -> None:
    configuration: Any = Configuration(rabbit_pass=SECRET, colour="blue")
    for other in (
        copy.copy(configuration),
        copy.deepcopy(configuration),
        pickle.loads(pickle.dumps(configuration)),
    ):
        assert other == configuration
        assert other.read_password() == SECRET
        assert other.colour == "blue"
        assert other.unheard_of is None


def test_what_begins_with_an_underscore_is_no_setting() -> None:
    with pytest.raises(AttributeError):
        Configuration()._unheard_of  # type: ignore[attr-defined]  # noqa: B018


# Secrets

Leak = Callable[[Path], object]


def _in_file(text: str) -> Leak:
    return lambda file: loaded(file, text)


def _assign(file: Path) -> None:
    configuration: Any = Configuration()
    configuration.rabbit_pass = SECRET


LEAKS: dict[str, Leak] = {
    "a password": lambda _: Configuration(rabbit_pass=SECRET),
    "a password in a URL": lambda _: Configuration(rabbit_url=f"amqp://a:{SECRET}@mq1"),
    "a password in a file": _in_file(f"RABBIT_PASS: {SECRET}"),
    "a URL in a file": _in_file(f"RABBIT_URL: amqp://a:{SECRET}@mq1"),
    "an extension's own key": _in_file(f"DB_PASSWORD: {SECRET}"),
    "another wrong key": lambda _: Configuration(rabbit_pass=SECRET, prefetch="x"),
    "another wrong key in a file": _in_file(f"RABBIT_PASS: {SECRET}\nPREFETCH: x"),
    "another wrong key beside a URL": _in_file(
        f"RABBIT_URL: amqp://a:{SECRET}@mq1\nRABBIT_HEARTBEAT: x\nPREFETCH: x"
    ),
    "a wrong parameter of a URL": _in_file(f"RABBIT_URL: amqp://a:{SECRET}@mq1?heartbeat=x"),
    "a wrong port in a URL": _in_file(f"RABBIT_URL: amqp://a:{SECRET}@mq1:x"),
    "a URL without a host": _in_file(f"RABBIT_URL: amqp://a:{SECRET}"),
    "a URL with an unescaped slash": _in_file(f"RABBIT_URL: amqp://a:x/{SECRET}@mq1"),
    "a URL with brackets": _in_file(f'RABBIT_URL: "amqp://a:[{SECRET}]@mq1:x"'),
    "a URL with an unknown scheme": _in_file(f"RABBIT_URL: https://a:{SECRET}@mq1"),
    "a URL that is a list": _in_file(f"RABBIT_URL: ['amqp://a:{SECRET}@mq1']"),
    "a URL among the hosts": _in_file(f"RABBIT_HOST: amqp://a:{SECRET}@mq1"),
    "a password that is a list": _in_file(f"RABBIT_PASS: [{SECRET}]"),
    "a password that is a mapping": _in_file(f"RABBIT_PASS: {{a: {SECRET}}}"),
    "a password that is a tag": _in_file(f"RABBIT_PASS: !{SECRET}"),
    "a password that is an alias": _in_file(f"RABBIT_PASS: *{SECRET}"),
    "a password that is an anchor": _in_file(f"RABBIT_PASS: &{SECRET} x\nB: &{SECRET} x"),
    "a password that is not closed": _in_file(f'RABBIT_PASS: "{SECRET}'),
    "a password with a colon": _in_file(f"RABBIT_PASS: {SECRET}: x"),
    "a password that YAML cannot read": _in_file(f"RABBIT_PASS: @{SECRET}"),
    "a password with a wrong escape": _in_file(f'RABBIT_PASS: "{SECRET}\\q"'),
    "a password with a control character": _in_file(f"RABBIT_PASS: {SECRET}\x00"),
    "a password on a line of its own": _in_file(f"RABBIT_PASS:\n{SECRET}\n"),
    "a file that is a password": _in_file(SECRET),
    "configure": lambda _: configure(password=SECRET, port="x"),
    "configure with a URL": lambda _: configure(url=f"http://a:{SECRET}@mq1"),
    "an assignment": _assign,
}


@pytest.mark.parametrize("leak", LEAKS)
def test_secrets_are_in_no_text(leak: str, file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    try:
        result = LEAKS[leak](file)
    except (ConfigurationError, AttributeError) as error:
        texts = [str(error), repr(error), *traceback.format_exception(error)]
    else:
        texts = [str(result), repr(result), f"{result}", str(getattr(result, "origins", ""))]
    assert texts[0]
    assert SECRET not in "".join(texts)
    assert SECRET not in caplog.text


CERTIFICATE = Path("/etc/baton/client.pem")


def test_a_user_by_certificate() -> None:
    url = "amqps://mq1?auth_mechanism=external&certfile=/etc/baton/client.pem"
    configuration = Configuration(rabbit_url=url)
    assert configuration.rabbit_auth == "external"
    assert configuration.rabbit_tls_cert_file == CERTIFICATE


@pytest.mark.parametrize(
    ("settings", "user_id"),
    [
        ({}, "guest"),
        ({"rabbit_user": "joe"}, "joe"),
        ({"rabbit_user": "joe", "rabbit_user_id": False}, None),
        ({"rabbit_auth": "external"}, None),
        ({"rabbit_auth": "external", "rabbit_user": "joe"}, "joe"),
        ({"rabbit_auth": "external", "rabbit_user": "joe", "rabbit_user_id": False}, None),
    ],
)
def test_the_sender_is_named_if_it_is_known(settings: dict[str, Any], user_id: str | None) -> None:
    tls: dict[str, Any] = {"rabbit_scheme": "amqps", "rabbit_tls_cert_file": CERTIFICATE}
    assert Configuration(**tls, **settings).user_id == user_id


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"rabbit_tls_cert_file": CERTIFICATE}, 'needs TLS: RABBIT_SCHEME should be "amqps"'),
        (
            {"rabbit_scheme": "amqps"},
            "needs a client certificate: RABBIT_TLS_CERT_FILE is not set",
        ),
    ],
)
@pytest.mark.parametrize("level", LEVELS)
def test_what_a_user_by_certificate_needs(
    sources: Sources, level: str, settings: dict[str, Any], reason: str
) -> None:
    sources.set(level, rabbit_auth="external", **{key: str(each) for key, each in settings.items()})
    with pytest.raises(ConfigurationError) as caught:
        sources.load()
    assert str(caught.value).endswith(f'RABBIT_AUTH "external" {reason}')
    assert str(caught.value) != f'RABBIT_AUTH "external" {reason}'  # it says where that is set


def test_a_broker_in_this_process_takes_anybody() -> None:
    assert Configuration(rabbit_url="memory://x", rabbit_auth="external").user_id is None


def test_a_path_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon works in another folder than the one in which it was started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BATON_RABBIT_PASS_FILE", "password")
    monkeypatch.setenv("BATON_FACTS", "a.json,/b.json")
    (tmp_path / "password").write_text("secret\n")
    configuration = Configuration.load()
    monkeypatch.chdir("/")
    assert configuration.read_password() == "secret"
    assert configuration.facts == (tmp_path / "a.json", Path("/b.json"))
