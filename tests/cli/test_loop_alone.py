"""A loop without a server: what a cluster runs beside its servers."""

import signal
import subprocess
import time

import pytest

from trained import Shop, command, flyball


def test_a_loop_alone_looks_starts_no_server_and_ends_well(own: Shop) -> None:
    loop = subprocess.Popen(command(own.folder, "up", "--no-server", "--every", "1h"), stderr=subprocess.PIPE, text=True)
    looked = own.folder / ".flyball" / "looked"
    try:
        until = time.monotonic() + 60
        while not looked.exists() and loop.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        assert looked.exists()
        assert not (own.folder / ".flyball" / "server.json").exists()
    finally:
        loop.send_signal(signal.SIGTERM)
        _, said = loop.communicate(timeout=60)
    assert loop.returncode == 0
    assert "no server is started" in said


@pytest.mark.parametrize("words", [("--port", "8001"), ("--trusted-code",)])
def test_what_is_a_servers_is_refused_where_there_is_none(own: Shop, words: tuple[str, ...]) -> None:
    said = flyball(own.folder, "up", "--no-server", *words)
    assert said.status == 2 and "--no-server starts none" in said.err
