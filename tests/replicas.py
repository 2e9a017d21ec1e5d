"""Several machines on one shared database: folders of their own, servers on ports of their own, one key."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from flyball.core.surroundings import FOR_SIGNING
from flyball.registry.bundle import write_bundle
from flyball.registry.signing import key_from_text
from flyball.server.settings import ServerSettings, settings_to_json
from flyball.serving.records import Deployment
from flyball.settings import read_settings
from flyball.stores import open_stores
from served import _SERVE, MODEL, linear, manifest

STORE = "FLYBALL_TEST_STORE"
_SPEC = f'[stores]\ndatabase = "env:{STORE}"\n'
ASK = json.dumps({"features": {"hour": 3, "temp": 1.0, "rain": True}}).encode()


class Fleet:
    """What the machines share, and who decides what serves. Version 1 serves."""

    def __init__(self, root: Path, address: str, environment: pytest.MonkeyPatch) -> None:
        self.root, self.key = root, secrets.token_hex(32)
        environment.setenv(STORE, address)
        environment.setenv(FOR_SIGNING, self.key)
        self.address = address
        self.stores = open_stores(read_settings(self.machine("office")))
        self.digests: dict[int, str] = {}
        self.seq = 0
        for version, weight in ((1, 0.5), (2, -0.5), (3, 0.1)):
            self.add(version, linear([0.0, weight, 1.0], 0.0))
        self.publish(1)

    def machine(self, name: str) -> Path:
        """The folder of a machine."""
        folder = self.root / name
        (folder / ".flyball").mkdir(parents=True, exist_ok=True)
        (folder / "flyball.toml").write_text(_SPEC)
        return folder

    def add(self, version: int, content: bytes) -> None:
        """Share a bundle."""
        made = self.root / "made" / str(version)
        made.parent.mkdir(exist_ok=True)
        key = key_from_text(self.key, name=FOR_SIGNING)
        write_bundle(made, manifest(), {"model.onnx": content, "reference.json": b"{}"}, key)
        self.digests[version] = self.stores.bundles.put(made)

    def deployment(self, champion: int, **changes: Any) -> Deployment:
        """The next deployment."""
        self.seq += 1
        plain = Deployment(
            model=MODEL,
            seq=self.seq,
            champion=champion,
            challenger=None,
            challenger_share=0.0,
            seed="seed",
            shadow=(),
            previous=None,
            bundles=dict(self.digests),
        )
        return replace(plain, **changes)

    def publish(self, champion: int) -> None:
        """Let a version serve at once."""
        self.stores.deployments.publish(self.deployment(champion))

    @property
    def current(self) -> int | None:
        """The champion that is current."""
        found = self.stores.deployments.current(MODEL)
        return None if found is None else found.champion

    @property
    def workers(self) -> dict[str, int]:
        """What each worker answers with."""
        return {name: seq for name, (seq, _) in self.stores.deployments.workers(MODEL).items()}


class Server:
    """The server of one machine: its URL, and the processes it consists of."""

    def __init__(self, url: str, process: subprocess.Popen[str]) -> None:
        self.url, self.process = url, process

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and body of a page."""
        try:
            with urlopen(f"{self.url}{path}", timeout=10) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, json.load(error)

    @property
    def version(self) -> int | None:
        """The version that answers."""
        found: int | None = self.get("/health")[1]["version"]
        return found

    def kill(self) -> None:
        """Let the machine lose its power: supervisor and workers die at once."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in (self.process.pid, *map(int, children)):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def serving_on(folder: Path, *, before: tuple[str, ...] = (), host: str = "127.0.0.1", port: int = 0, **changes: Any) -> Iterator[Server]:
    """A server of the machine with this folder; `before` are words that come before the command, as those that enter a namespace."""
    settings = ServerSettings(model=MODEL, folder=folder, host=host, port=port, lame_duck=0.2, replica=folder.name, **changes)
    command = [*before, sys.executable, "-c", _SERVE, settings_to_json(settings).decode(), "flyball.wiring:server_ports"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        if line.startswith("listening on "):
            break
        said.append(line)
    else:
        raise AssertionError(f"the server did not start: {''.join(said)}")
    reader = threading.Thread(target=process.stderr.read, daemon=True)
    reader.start()
    try:
        yield Server(line.removeprefix("listening on ").strip(), process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        reader.join(5)
        process.stderr.close()


class Namespace:
    """A network of its own, joined to this machine by one line that can be cut; `address` is where the database is from there."""

    def __init__(self, name: str, number: int, database: int) -> None:
        self.name, self._line = name, f"v{name}"
        self._here, self._there = f"10.213.{number}.1", f"10.213.{number}.2"
        _ip("netns", "add", name)
        try:
            _ip("link", "add", self._line, "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("addr", "add", f"{self._here}/24", "dev", self._line)
            _ip("link", "set", self._line, "up")
            for words in (("addr", "add", f"{self._there}/24", "dev", "eth0"), ("link", "set", "eth0", "up"), ("link", "set", "lo", "up")):
                _ip("-n", name, *words)
            self._door = Forwarder(self._here, database)
        except BaseException:
            self.remove()
            raise

    @property
    def inside(self) -> tuple[str, ...]:
        """The words that run a command in there."""
        return ("ip", "netns", "exec", self.name)

    def address(self, address: str) -> str:
        """The address of a database of this machine, as it is from in there."""
        return address.replace(address.partition("@")[2].partition("/")[0], f"{self._here}:{self._door.port}")

    def cut(self) -> None:
        """Cut the line: what is sent is lost, and nobody is told."""
        _ip("link", "set", self._line, "down")

    def mend(self) -> None:
        """Join it again."""
        _ip("link", "set", self._line, "up")

    def get(self, url: str, body: bytes | None = None) -> dict[str, Any]:
        """What a page answers to somebody in there."""
        program = "import sys, urllib.request as u; print(u.urlopen(u.Request(sys.argv[1], sys.argv[2].encode() or None,"
        program += " {'content-type': 'application/json'}), timeout=10).read().decode())"
        said = subprocess.run([*self.inside, sys.executable, "-c", program, url, (body or b"").decode()], capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        found: dict[str, Any] = json.loads(said.stdout)
        return found

    def remove(self) -> None:
        """Leave nothing behind."""
        if hasattr(self, "_door"):
            self._door.close()
        subprocess.run(["ip", "link", "del", self._line], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)


class Forwarder:
    """Listens on an address of this machine and passes everything on to a port of its loopback."""

    def __init__(self, host: str, to: int) -> None:
        self._to = to
        self._listener = socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End all connections."""
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                self._open += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def namespace(name: str, number: int, database: int) -> Iterator[Namespace]:
    """A network of its own; skips, and says what is missing, where that cannot be had."""
    if shutil.which("ip") is None:
        pytest.skip("the program `ip` (iproute2) is not here: no network namespace can be made")
    try:
        made = Namespace(name, number, database)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespace can be made here (it needs root and CAP_NET_ADMIN): {error.stderr.strip()}")
    try:
        yield made
    finally:
        made.remove()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
