"""The listening socket refuses and is closed without resetting anybody."""

import socket
import sys
import threading
import time
from contextlib import ExitStack

import pytest

from flyball.core.errors import RefusedError, StoreError
from flyball.server.listener import accept_all, bind, hush


def test_it_listens_to_this_machine_only() -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        with pytest.raises(RefusedError, match="tokens"):
            bind(host, 0)
    bind("127.0.0.1", 0).close()


def test_it_listens_further_where_others_were_said_to_reach_it() -> None:
    bind("0.0.0.0", 0, reachable=True).close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be asked to make no further connections")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_hushed_socket_keeps_what_it_has_and_makes_no_further_connection(host: str) -> None:
    try:
        listener = bind(host, 0)
    except (StoreError, OSError) as error:
        pytest.skip(f"no {host} here: {error}")
    port = listener.getsockname()[1]
    with ExitStack() as stack:
        before = [stack.enter_context(socket.create_connection((host, port), timeout=5)) for _ in range(3)]
        assert hush(listener)
        with pytest.raises(TimeoutError):
            socket.create_connection((host, port), timeout=0.2)
        for client in before:
            client.sendall(b"asked")
        taken = [stack.enter_context(one) for one in accept_all(listener)]
        assert len(taken) == 3
        listener.close()
        for server in taken:
            server.settimeout(5)
            assert server.recv(5) == b"asked"
            server.sendall(b"told")
        for client in before:
            assert client.recv(4) == b"told"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, port), timeout=5)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be asked to make no further connections")
def test_whoever_connects_while_a_hushed_socket_closes_is_refused_and_never_reset() -> None:
    resets: list[str] = []
    for _ in range(6):
        listener = bind("127.0.0.1", 0)
        port = listener.getsockname()[1]
        answered = threading.Event()

        def knock(port: int = port, answered: threading.Event = answered) -> None:
            while not answered.is_set():
                with socket.socket() as client:
                    client.settimeout(0.3)
                    try:
                        client.connect(("127.0.0.1", port))
                        client.settimeout(5)
                        if client.recv(2) != b"ok":
                            resets.append("closed without a word")
                    except (TimeoutError, ConnectionRefusedError) as error:
                        if isinstance(error, TimeoutError) and client.gettimeout() == 5:
                            resets.append("never answered")
                    except ConnectionError as error:
                        resets.append(repr(error))

        clients = [threading.Thread(target=knock) for _ in range(3)]
        for client in clients:
            client.start()

        def answer(connections: list[socket.socket]) -> None:
            for one in connections:
                one.sendall(b"ok")
                one.close()

        for _ in range(20):
            answer(accept_all(listener))
        hush(listener)
        time.sleep(0.02)
        last = accept_all(listener)
        time.sleep(0.005)  # where it used to go wrong
        listener.close()
        answer(last)
        answered.set()
        for client in clients:
            client.join()
    assert resets == []
