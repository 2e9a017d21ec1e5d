"""`config.pbtxt`, the protobuf text that Triton reads beside a model: built as a tree of fields, each value written once and quoted."""

from collections.abc import Sequence

from flyball.render.packages.records import Packaged, TensorForm

LABELS = "labels.txt"
MOST_ROWS = 1024  # that a client may send at once
_TYPES = {"BYTES": "TYPE_STRING"}


class Word(str):
    """A name of an enum, which stands without quotes."""

    __slots__ = ()


Field = tuple[str, "str | Word | int | Sequence[Field]"]


def config(model: Packaged) -> str:
    """The text of the configuration of a model in ONNX."""
    outputs = [_tensor("output", form, labelled=bool(model.labels) and form.dims == (len(model.labels),)) for form in model.outputs]
    fields: list[Field] = [
        ("name", model.name),
        ("backend", "onnxruntime"),
        ("default_model_filename", "model.onnx"),
        ("max_batch_size", MOST_ROWS),
        *(_tensor("input", form) for form in model.inputs),
        *outputs,
        ("dynamic_batching", []),
        *(_parameter(key, value) for key, value in model.about.items()),
    ]
    return text(fields)


def text(fields: Sequence[Field], indent: str = "") -> str:
    """Fields as protobuf text."""
    lines = []
    for name, value in fields:
        if isinstance(value, Word):
            lines.append(f"{indent}{name}: {value}\n")
        elif isinstance(value, str):
            lines.append(f"{indent}{name}: {quoted(value)}\n")
        elif isinstance(value, int):
            lines.append(f"{indent}{name}: {value}\n")
        else:
            inside = text(value, indent + "  ")
            lines.append(f"{indent}{name} {{\n{inside}{indent}}}\n" if inside else f"{indent}{name} {{ }}\n")
    return "".join(lines)


def quoted(value: str) -> str:
    r"""A text as protobuf text has it: UTF-8, with everything but plain characters as octal bytes.

    >>> quoted('a"b\n')
    '"a\\042b\\012"'
    """
    plain = set(b" !#$%&'()*+,-./0123456789:;<=>?@[]^_`{|}~") | set(range(65, 91)) | set(range(97, 123))
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in value.encode("utf-8", "replace")) + '"'


def _parameter(key: str, value: str) -> Field:
    inside: list[Field] = [("string_value", value)]
    both: list[Field] = [("key", key), ("value", inside)]
    return "parameters", both


def _tensor(kind: str, form: TensorForm, *, labelled: bool = False) -> Field:
    fields: list[Field] = [("name", form.name), ("data_type", Word(_TYPES.get(form.datatype, f"TYPE_{form.datatype}")))]
    fields += [("dims", size) for size in form.dims]
    if labelled:
        fields.append(("label_filename", LABELS))
    return kind, fields
