"""Several machines on one shared database: folders of their own, servers on ports of their own, one key."""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
from flyball.wiring import open_stores
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
