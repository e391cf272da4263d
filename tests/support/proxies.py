"""nginx and Caddy with the configurations of deploy/proxy, in front of given ports.

On Debian, for root, apt-get installs what is missing; otherwise the error names it.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import FatalError
from tests.conftest import ROOT
from tests.support.machine import installed

CONFIGURATIONS = ROOT / "deploy" / "proxy"
PACKAGES = {"nginx": "nginx-light", "caddy": "caddy"}

_STOP_SECONDS = 10


def find(program: str) -> Path:
    """Path of nginx or caddy. Raises FatalError when it is not here and cannot be installed."""
    # Debian leaves /usr/sbin to root.
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    return installed(PACKAGES[program], lambda: shutil.which(program, path=path))


@contextmanager
def running(program: str, folder: Path, *, port: int, ingest: int, api: int) -> Iterator[str]:
    """The proxy on `port` with its files in `folder`; its address. It may not answer yet."""
    command = {"nginx": _nginx, "caddy": _caddy}[program](folder, port, ingest, api)
    environ = os.environ | {
        "STAGELINE_SITE": f"http://127.0.0.1:{port}",
        "STAGELINE_INGEST": f"127.0.0.1:{ingest}",
        "STAGELINE_API": f"127.0.0.1:{api}",
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    with (folder / "proxy.log").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the commands stand below
            [str(find(program)), *command], env=environ, stdout=output, stderr=output
        )
    try:
        yield f"{'https' if program == 'nginx' else 'http'}://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def _nginx(folder: Path, port: int, ingest: int, api: int) -> list[str]:
    """Its file inside the smallest main file, with other ports and a certificate of its own."""
    certificate, key = folder / "site.pem", folder / "site.key"
    _make_certificate(certificate, key)
    site = (CONFIGURATIONS / "nginx.conf").read_text("utf-8")
    for shipped, here in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "    listen [::]:443 ssl;\n": "",
        "127.0.0.1:8081": f"127.0.0.1:{ingest}",
        "127.0.0.1:8082": f"127.0.0.1:{api}",
        "/etc/ssl/certs/events.example.com.pem": str(certificate),
        "/etc/ssl/private/events.example.com.key": str(key),
    }.items():
        if shipped not in site:
            message = f"deploy/proxy/nginx.conf has no {shipped!r}"
            raise FatalError(message)
        site = site.replace(shipped, here)
    (folder / "stageline.conf").write_text(site)
    folders = "".join(
        f"{kind}_temp_path {folder}/{kind}; "
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "nginx.conf"
    main.write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {folders} include {folder}/stageline.conf; }}\n"
    )
    return ["-p", str(folder), "-e", "stderr", "-c", str(main)]


def _make_certificate(certificate: Path, key: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)  # noqa: S603 - see above


def _caddy(folder: Path, port: int, ingest: int, api: int) -> list[str]:
    """Its file as it is, which takes addresses from the environment; without the port for operators."""
    del port, ingest, api
    main = folder / "Caddyfile"
    main.write_text(f"{{\n\tadmin off\n}}\nimport {CONFIGURATIONS / 'Caddyfile'}\n")
    return ["run", "--config", str(main), "--adapter", "caddyfile"]
