"""TLS of a broker: the certificate that it shows, whom it trusts, and the settings that say so."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

PLUGINS = ("rabbitmq_management", "rabbitmq_auth_mechanism_ssl")

SETTINGS = """\
listeners.ssl.1 = {listener}
ssl_options.cacertfile = {folder}/authority.pem
ssl_options.certfile = {folder}/certificate.pem
ssl_options.keyfile = {folder}/key.pem
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = EXTERNAL
ssl_cert_login_from = common_name
"""


@dataclass(frozen=True)
class Identity:
    """What a broker shows (``certificate`` and ``key``), and who issues its clients' certificates
    (``authority``); all in PEM."""

    authority: bytes
    certificate: bytes
    key: bytes

    def settings(self, folder: PurePath, listener: str) -> str:
        """What goes into its ``rabbitmq.conf``, if its files are in *folder*. *listener* is a port,
        or an address with a port. Clients without a certificate have a password."""
        return SETTINGS.format(folder=folder, listener=listener)

    def files(self, folder: PurePath) -> Iterator[tuple[bytes, PurePath]]:
        """Each of its files, and where it goes."""
        yield self.authority, folder / "authority.pem"
        yield self.certificate, folder / "certificate.pem"
        yield self.key, folder / "key.pem"


def enabled_plugins() -> str:
    """What goes into its file ``enabled_plugins``."""
    return f"[{','.join(PLUGINS)}].\n"
