"""The port that the workers share for gRPC, held by the supervisor so that nobody else takes it; needs no grpcio itself."""

import socket
from importlib.util import find_spec

from flyball.core.errors import StoreError, UnsupportedError
from flyball.server.listener import bind


def hold(host: str, port: int, *, reachable: bool = False) -> socket.socket:
    """A socket that is bound and never listens: the workers' listening sockets stand beside it on the same port.

    UnsupportedError if grpcio is not installed, RefusedError if the address is not a loopback address and nobody
    said that others may reach it, StoreError if the port is taken.
    """
    if not _installed("grpc") or not _installed("google.protobuf"):
        raise UnsupportedError("gRPC needs the package grpcio, which is not installed", hint="pip install 'flyball[grpc]'")
    try:
        probe = bind(host, port, reachable=reachable)  # without sharing, so that it fails where another server listens, even one of ours
    except StoreError as error:
        raise StoreError(f"{error.message}: no gRPC there", hint="take another port with --grpc-port") from error
    found = probe.getsockname()[1]
    family = probe.family
    probe.close()
    holder = socket.socket(family, socket.SOCK_STREAM)
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host, found))
    except OSError as error:
        holder.close()
        raise StoreError(
            f"cannot hold port {found} of {host} for gRPC: {error.strerror}", hint="take another port with --grpc-port"
        ) from error
    return holder


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package that would hold it is missing too
        return False
