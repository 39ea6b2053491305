"""A real nginx in front of a page, as people have one; Debian's, where none is installed.

Its package is only unpacked: installing it would start a web server on this machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from brokers.commands import run
from brokers.errors import CommandFailed
from brokers.ports import LOOPBACK, accepts_tcp, free_ports
from brokers.waiting import wait_until

PLACES: Final = f"{os.defpath}:/usr/sbin:/usr/local/sbin"
CONFIGURATION: Final = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {host}:{port};
{locations}
    }}
}}
"""


class NoNginx(Exception):
    """There is no nginx, and none could be had; the text says what to do."""


def nginx(folder: Path) -> Path:
    """The executable of an nginx; one that must be downloaded is put into *folder*. Raises
    NoNginx."""
    found = shutil.which("nginx") or shutil.which("nginx", path=PLACES)
    if found:
        return Path(found)
    try:
        # apt-get downloads into the folder in which it runs.
        run(["sh", "-c", 'cd "$0" && apt-get download -q nginx', str(folder)], timeout=60)
        (package,) = folder.glob("nginx_*.deb")
        run(["dpkg-deb", "-x", str(package), str(folder)], timeout=60)
        executable = folder / "usr/sbin/nginx"
        run([str(executable), "-v"], timeout=10)
    except (CommandFailed, ValueError) as error:
        raise NoNginx(
            f"A test of the pages needs an nginx: install one (on Debian: apt-get install nginx). "
            f"Its package cannot be had: {error}"
        ) from None
    return executable


@contextmanager
def in_front(executable: Path, folder: Path, locations: str) -> Iterator[str]:
    """Run it with these ``location`` blocks, and give its address, such as
    ``http://127.0.0.1:39871``."""
    (port,) = free_ports(1)
    file = folder / "nginx.conf"
    file.write_text(
        CONFIGURATION.format(folder=folder, host=LOOPBACK, port=port, locations=locations)
    )
    command = [str(executable), "-p", str(folder), "-e", "stderr", "-c", str(file)]
    with (folder / "nginx.log").open("w+") as log:
        process = subprocess.Popen(command, stderr=log)
        try:
            ready = wait_until(lambda: accepts_tcp(LOOPBACK, port) or process.poll(), 10)
            if not ready or process.poll() is not None:
                log.seek(0)
                raise NoNginx(f"nginx does not run: {log.read()}")
            yield f"http://{LOOPBACK}:{port}"
        finally:
            process.kill()
            process.wait()
