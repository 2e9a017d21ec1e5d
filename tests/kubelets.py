"""Containers of rendered pods as processes of this machine: a root file system nobody can write, the volumes, no capability, no new right.

What a kubelet would do is done here: arguments and variables are filled in, init containers run first, probes ask, `preStop` runs before
SIGTERM. The processes are those of the user that the pod names, who has no entry among this machine's users; the top folder of a volume
is another's, as a kubelet makes it. Three things differ from a cluster: the folder of a volume is where the test says and not where the
container would see it, and the server listens on loopback, on a free port.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from flyball.render.kubernetes.pods import USER
from programs import program

SOURCE = Path(__file__).parents[1] / "src"
_IN_NAMESPACE = """
set -e
cd /
for place in $WRITABLE; do mount --bind "$place" "$place"; done
for file in $READABLE; do mount --bind "$file" "$file"; mount -o remount,bind,ro "$file"; done
mount -o remount,bind,ro /
cd "$PLACE"
unset WRITABLE READABLE PLACE
exec unshare --user --keep-caps --map-user=%d --map-group=%d -- \
  setpriv --no-new-privs --inh-caps=-all --ambient-caps=-all --bounding-set=-all -- "$@"
"""
_NOBODY = 65_534


@dataclass(frozen=True)
class Volumes:
    """Where a pod's volumes are: `project` and `tmp` are empty at first, `spec` is a ConfigMap; `image`: what the image holds."""

    project: Path
    tmp: Path
    spec: str
    image: Path | None = None


def volumes(folder: Path, spec: str, image: Path | None = None) -> Volumes:
    """New ones."""
    for name in ("project", "tmp"):
        (folder / name).mkdir(parents=True)
        (folder / name).chmod(0o777)
        if os.geteuid() == 0:  # who is nobody else cannot give a folder away
            os.chown(folder / name, _NOBODY, _NOBODY)
    return Volumes(project=folder / "project", tmp=folder / "tmp", spec=spec, image=image)


class Container:
    """One container that runs. `secrets`: what the Secret holds; `python`: the one that `flyball` is installed for."""

    def __init__(
        self, tree: Mapping[str, Any], pod: Volumes, secrets: Mapping[str, str], *, python: str = sys.executable, name: str = "pod-0"
    ) -> None:
        self.tree, self.pod = tree, pod
        self.port = free_port()
        self.log = pod.tmp.parent / f"{tree['name']}.log"
        places = {"metadata.namespace": "churn-prod", "metadata.name": name, "status.podIP": "127.0.0.1"}
        self.environment = {**variables(tree, secrets, places), "PATH": os.environ["PATH"]}
        words = [expanded(word, self.environment) for word in [*tree["command"], *tree.get("args", ())]]
        words = [*([python, "-P", "-m", "flyball"] if words[0] == "flyball" else words[:1]), *words[1:]]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self._inside(words), env=self._given(), stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def probe(self, which: str) -> bool:
        """One look of a probe."""
        probe = self.tree[which]
        if "exec" in probe:
            command = [sys.executable if word == "python" else self._here(word) for word in probe["exec"]["command"]]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        ask = probe["httpGet"]
        assert ask["port"] in [port["name"] for port in self.tree["ports"]]
        try:
            said = httpx.get(f"{self.url}{ask['path']}", headers={"Host": f"10.0.0.9:{self.port}"}, timeout=probe["timeoutSeconds"])
        except httpx.HTTPError:
            return False
        return 200 <= said.status_code < 400

    def until(self, which: str) -> bool:
        """Look as often as the probe may fail; whether it came to be content while the container ran."""
        probe = self.tree[which]
        end = time.monotonic() + probe.get("failureThreshold", 3) * probe.get("periodSeconds", 10)
        while time.monotonic() < end and self.process.poll() is None:
            if self.probe(which):
                return True
            time.sleep(0.2)
        return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self, grace: float) -> int:
        """`preStop`, then SIGTERM; what it ends with, and -9 if that takes longer than the grace period."""
        end = time.monotonic() + grace
        before = self.tree.get("lifecycle", {}).get("preStop")
        if before:
            subprocess.run(before["exec"]["command"], check=True, timeout=grace)
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return -signal.SIGKILL

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def _here(self, text: str) -> str:
        """A text of the manifest with the places of this machine."""
        return text.replace("/opt/project", str(self.pod.image)).replace("/project", str(self.pod.project))

    def _inside(self, words: Sequence[str]) -> list[str]:
        here = [self._here(word) for word in words]
        if "--port" in here:
            here[here.index("--port") + 1] = str(self.port)
        here = ["127.0.0.1" if word == "0.0.0.0" else word for word in here]
        return [program("unshare"), "--mount", "--map-root-user", "sh", "-c", _IN_NAMESPACE % (USER, USER), "sh", *here]

    def _given(self) -> dict[str, str]:
        """The container's variables, and what the namespace is made of: of the volumes what is mounted."""
        mounted = {mount["name"]: mount for mount in self.tree["volumeMounts"]}
        readable = []
        if "spec" in mounted:
            assert mounted["spec"]["subPath"] == "flyball.toml" and mounted["spec"]["readOnly"]
            file = self.pod.project / "flyball.toml"
            file.unlink(missing_ok=True)
            file.write_text(self.pod.spec)
            readable.append(str(file))
        writable = [str(place) for name, place in (("project", self.pod.project), ("tmp", self.pod.tmp)) if name in mounted]
        places = {"/tmp": str(self.pod.tmp), "/project": str(self.pod.project)}
        here = {
            name: there + text.removeprefix(place)
            for name, text in self.environment.items()
            for place, there in places.items()
            if text == place or text.startswith(f"{place}/")
        }
        inside = {**self.environment, **here, "PYTHONPATH": str(SOURCE)}
        return {**inside, "WRITABLE": " ".join(writable), "READABLE": " ".join(readable), "PLACE": str(self.pod.project)}


def can_isolate() -> None:
    """Skip, but not in CI, where nobody may make a namespace of mounts."""
    words = [
        program("unshare"),
        "--mount",
        "--map-root-user",
        "unshare",
        "--user",
        "--keep-caps",
        f"--map-user={USER}",
        f"--map-group={USER}",
    ]
    words += [program("setpriv"), "--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "true"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = f"no namespace of mounts can be made here: {done.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)


def run(tree: Mapping[str, Any], pod: Volumes, secrets: Mapping[str, str]) -> tuple[int, str]:
    """A container that ends by itself: its status, and what it said."""
    one = Container(tree, pod, secrets)
    return one.process.wait(timeout=280), one.said()


def variables(tree: Mapping[str, Any], secrets: Mapping[str, str], places: Mapping[str, str]) -> dict[str, str]:
    """A container's variables, filled in; KeyError for a secret that is missing and not optional."""
    found: dict[str, str] = {}
    for one in tree.get("env", ()):
        where = one.get("valueFrom", {})
        if "fieldRef" in where:
            found[one["name"]] = places[where["fieldRef"]["fieldPath"]]
        elif "secretKeyRef" in where:
            key = where["secretKeyRef"]["key"]
            if key in secrets or not where["secretKeyRef"].get("optional"):
                found[one["name"]] = secrets[key]
        else:
            found[one["name"]] = expanded(one["value"], found)
    return found


def expanded(text: str, known: Mapping[str, str]) -> str:
    """What Kubernetes makes of an argument or a variable: `$(NAME)` is filled in where it is known, and `$$` is `$`."""

    def one(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else known.get(match[1], match[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", one, text)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def image_of(project: Path, folder: Path) -> Path:
    """What an image holds of a project: all but what stays with a machine."""
    left = shutil.ignore_patterns(".flyball", "flyball.db*", "mlflow.db*", "mlartifacts", "__pycache__", "cache", "tmp")
    return Path(shutil.copytree(project, folder, ignore=left))
