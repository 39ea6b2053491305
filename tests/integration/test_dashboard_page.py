"""What the page on the dashboard says of programs that are not ours is what they take."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import trustme

from browser.nginx import nginx

PAGE = Path(__file__).parents[2] / "docs" / "dashboard.md"
TLS = "/etc/nginx/tls"


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```nginx\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    certificate = trustme.CA().issue_cert("ops.example.org")
    certificate.private_key_pem.write_to_path(tmp_path / "ops.example.org.key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "ops.example.org.pem")
    file = tmp_path / "nginx.conf"
    paths = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file.write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {paths}\n{block.replace(TLS, str(tmp_path))} }}\n"
    )
    checked = subprocess.run(
        [nginx(tmp_path), "-t", "-e", "stderr", "-c", file],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert checked.returncode == 0, checked.stderr
    assert "test is successful" in checked.stderr
