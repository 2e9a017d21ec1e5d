"""Does an ONNX file keep data outside itself? Answered from its protobuf bytes, without the onnx package, before it is loaded."""

import re

from flyball.core.errors import IntegrityError

# Message → number of a field → the message it holds (onnx.proto). Only what can lead to a tensor is followed.
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "training": {1: "graph", 2: "graph"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of TensorProto
# A forest's attributes are hundreds of thousands of unpacked floats, integers and names of node kinds: skipped in C, not one by one.
_RUN = re.compile(rb"(?:\x3d[\x00-\xff]{4})+|(?:\x40[\x80-\xff]*[\x00-\x7f])+|(?:\x4a(?:\x04LEAF|\x0aBRANCH_LEQ))+")
_DEEPEST = 64


def refuse_external_data(model: bytes) -> None:
    """IntegrityError if any tensor of the model lives in another file, or if the bytes are not a protobuf message."""
    try:
        _walk(model, 0, len(model), "model", 0)
    except IndexError as error:
        raise IntegrityError("the model file is cut off or is not ONNX") from error


def _walk(data: bytes, at: int, end: int, message: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise IntegrityError("the model file nests its graphs too deeply")
    children = _MESSAGES[message]
    while at < end:
        if message == "attribute" and (run := _RUN.match(data, at, end)):
            at = run.end()
            continue
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if message == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and data[at] != 0)):
            raise IntegrityError("the model file keeps data outside itself, where no signature reaches")
        if wire == 2:
            size, at = _varint(data, at)
            if number in children:
                _walk(data, at, at + size, children[number], depth + 1)
            at += size
        elif wire == 0:
            _, at = _varint(data, at)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise IntegrityError("the model file is not ONNX")
    if at != end:
        raise IntegrityError("the model file is cut off or is not ONNX")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise IntegrityError("the model file is not ONNX")
