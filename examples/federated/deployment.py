# ===- deployment.py - A real federation on one machine --------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SuperLink, SuperExec and SuperNodes as processes of their own over TLS, as they
would be on many machines:

    python deployment.py --model model.stn --data chats.jsonl --clients 4

gives each client a skewed part of the chats, and writes the adapter to a folder.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import ipaddress
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from app import skewed_share
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_APP = pathlib.Path(__file__).parent
_COMMANDS = pathlib.Path(sys.executable).parent


def free_port() -> int:
    """A port of the loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_environment(home: pathlib.Path) -> dict[str, str]:
    """That of Flower's commands, which keep what they keep in `home`."""
    return {
        **os.environ,
        "FLWR_HOME": str(home),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "PATH": f"{_COMMANDS}{os.pathsep}{os.environ['PATH']}",
    }


def make_certificate(folder: pathlib.Path) -> None:
    """Writes server.key and server.crt, a certificate for 127.0.0.1 that is its
    own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=7))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "server.crt").write_bytes(certificate.public_bytes(pem))
    (folder / "server.key").write_bytes(
        key.private_bytes(
            pem,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


def _toml(config: Mapping[str, object]) -> str:
    return " ".join(f"{key}={json.dumps(value)}" for key, value in config.items())


class Deployment:
    """Processes of a federation, whose files and logs are in `folder`. They end
    with this object."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder.resolve()
        self._folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        make_certificate(self._folder)
        home = self._folder / "home"
        home.mkdir(exist_ok=True)
        (home / "config.toml").write_text(
            f'[superlink.deployment]\naddress = "127.0.0.1:{self.port}"\n'
            f'root-certificates = "{self._folder / "server.crt"}"\n'
        )
        self._environment = make_environment(home)

    def __enter__(self) -> Deployment:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in list(self._processes):
            self.kill(name)

    def _start(self, name: str, *command: str) -> None:
        with open(self._folder / f"{name}.log", "ab") as log:
            self._processes[name] = subprocess.Popen(
                [str(_COMMANDS / command[0]), *command[1:]],
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """Kills a process and those that it started, at once."""
        process = self._processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def start_server(self) -> None:
        """The SuperLink, whose database survives it, and its SuperExec."""
        certificate = str(self._folder / "server.crt")
        self._start(
            "superlink",
            "flower-superlink",
            *("--port", str(self.port)),
            *("--ssl-certfile", certificate),
            *("--ssl-keyfile", str(self._folder / "server.key")),
            *("--ssl-ca-certfile", certificate),
            *("--database", str(self._folder / "superlink.db")),
            *("--isolation", "process"),
            "--disable-runtime-dependency-installation",
        )
        self._wait_for_port()
        self._start(
            "superexec",
            "flower-superexec",
            *("--runtime-api-address", f"127.0.0.1:{self.port}"),
            *("--root-certificates", certificate),
        )

    def _wait_for_port(self) -> None:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"the SuperLink did not start: see {self._folder}")

    def start_client(
        self, name: str, config: Mapping[str, object], port: int | None = None
    ) -> None:
        """A SuperNode of `config` that reaches the SuperLink by `port`, which is
        the SuperLink's unless something listens between."""
        self._start(
            name,
            "flower-supernode",
            *("--superlink", f"127.0.0.1:{port or self.port}"),
            *("--root-certificates", str(self._folder / "server.crt")),
            *("--port", str(free_port())),
            *("--node-config", _toml(config)),
        )

    def run(self, config: Mapping[str, object]) -> None:
        """Starts a run of the app in this folder; its log is run.log."""
        (self._folder / "run.log").unlink(missing_ok=True)
        self._start(
            "run",
            "flwr",
            *("run", str(_APP), "deployment", "--stream"),
            *("--run-config", _toml(config)),
        )

    def follow(self) -> int:
        """Prints what the run writes until it ends; returns its status."""
        process = self._processes["run"]
        with open(self._folder / "run.log", encoding="utf-8") as log:
            while True:
                ended = process.poll() is not None
                sys.stdout.write(log.read())
                sys.stdout.flush()
                if ended:
                    # flwr itself succeeds whatever the app does.
                    return 0 if "adapter of round" in self.log("run") else 1
                time.sleep(0.5)

    def log(self, name: str) -> str:
        """What a process wrote."""
        return (self._folder / f"{name}.log").read_text()


def make_shares(
    data: str, count: int, folder: pathlib.Path
) -> Sequence[pathlib.Path]:
    """Files with a part of the chats for each client."""
    paths = []
    for index in range(count):
        path = folder.resolve() / f"share{index}.jsonl"
        rows = skewed_share(data, index, count)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        paths.append(path)
    return paths


def main() -> int:
    """The command; returns its status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", required=True, help="a device binary")
    parser.add_argument("--data", required=True, help="JSON lines with chats")
    parser.add_argument("--validation", default="", help="chats to measure on")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--output", default="federated", help="a folder")
    arguments = parser.parse_args()
    output = pathlib.Path(arguments.output).resolve()
    with Deployment(output) as deployment:
        deployment.start_server()
        model = str(pathlib.Path(arguments.model).resolve())
        shares = make_shares(arguments.data, arguments.clients, output)
        for index, share in enumerate(shares):
            deployment.start_client(
                f"client{index}",
                {
                    "model": model,
                    "data": str(share),
                    "state": str(output / f"state{index}"),
                    "threads": 1,
                },
            )
        validation = arguments.validation
        deployment.run(
            {
                "model": model,
                "output": str(output),
                "rounds": arguments.rounds,
                "min-clients": arguments.clients,
                "validation": validation and str(pathlib.Path(validation).resolve()),
            }
        )
        return deployment.follow()


if __name__ == "__main__":
    sys.exit(main())
