"""Features and contexts of logged rows as bytes, for stores that keep them so: MessagePack."""

import msgspec

from flyball.serving.records import Label

pack = msgspec.msgpack.Encoder().encode
_decode_features = msgspec.msgpack.Decoder(list[str | int | float | bool | None]).decode
_decode_context = msgspec.msgpack.Decoder(dict[str, str | int | float | bool | None]).decode


def features(stored: bytes | None) -> list[Label | None] | None:
    """The features of a row in the order of its contract."""
    return None if stored is None else _decode_features(stored)


def context(stored: bytes | None) -> dict[str, Label | None]:
    """The context of a row."""
    return {} if stored is None else _decode_context(stored)
