"""A real Alertmanager on a free port, with a configuration and a data folder of its own."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from listeners import closed_port

CONFIG = """
route:
  receiver: {receiver}
  group_by: [alertname, model]
  group_wait: 100ms
  group_interval: 1s
  repeat_interval: 1s
receivers:
  - name: nobody
  - name: there
    webhook_configs:
      - url: "{url}"
        send_resolved: true
"""


@contextmanager
def alertmanager(folder: Path, *, webhook: str = "") -> Iterator[str]:
    """Its URL. Where it is not installed, the test is skipped; under CI it fails."""
    binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if binary is None:
        missing = "there is no Alertmanager here: apt-get install prometheus-alertmanager"
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    folder.mkdir(exist_ok=True)
    (folder / "alertmanager.yml").write_text(CONFIG.format(receiver="there" if webhook else "nobody", url=webhook or "http://127.0.0.1:9"))
    url = f"http://127.0.0.1:{closed_port()}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                binary,
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address={url.removeprefix('http://')}",
                "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        until = time.monotonic() + 30
        while not _ready(url):
            assert process.poll() is None and time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=2).is_success
    except httpx.TransportError:
        return False
