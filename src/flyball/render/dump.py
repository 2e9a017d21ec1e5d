"""Trees of plain values as YAML, as JSON and as Python. Nothing is put together by hand, so that no name in a tree can change its shape."""

import json
from collections.abc import Mapping, Sequence

import yaml

Tree = Mapping[str, "Tree"] | Sequence["Tree"] | str | int | float | bool | None


def to_yaml(tree: Tree, *, head: str = "") -> str:
    """A tree as YAML 1.1 that means the same in YAML 1.2; `head` stands before it as a comment."""
    comment = "".join(f"# {line}\n" for line in head.splitlines())
    text: str = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=10_000)
    return comment + text


def to_json(tree: Tree) -> str:
    """A tree as indented JSON."""
    return json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_python(tree: Tree, *, indent: int = 0) -> str:
    """A tree as a Python literal, a line for each value, which `ast.literal_eval` reads back as the same tree."""
    inner = " " * (indent + 4)
    if isinstance(tree, Mapping) and tree:
        lines = [f"{inner}{name!r}: {to_python(value, indent=indent + 4)},\n" for name, value in tree.items()]
        return "{\n" + "".join(lines) + " " * indent + "}"
    if isinstance(tree, Sequence) and not isinstance(tree, str) and any(isinstance(value, Mapping) for value in tree):
        lines = [f"{inner}{to_python(value, indent=indent + 4)},\n" for value in tree]
        return "[\n" + "".join(lines) + " " * indent + "]"
    if isinstance(tree, Mapping):
        return "{}"
    if isinstance(tree, Sequence) and not isinstance(tree, str):
        return "[" + ", ".join(to_python(value, indent=indent) for value in tree) + "]"
    return repr(tree)


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # the library has no types here
    """PyYAML's safe dumper, for people: no anchors, and text of several lines as lines."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # what is more than a word is quoted: readers of YAML do not agree on what else is a number, a time or a flag
    style = None if _is_word(text) else "'" if text.isprintable() else '"'
    if "\n" in text and all(line.isprintable() for line in text.split("\n")):
        style = "|"  # where this cannot hold the text, PyYAML quotes it
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _is_word(text: str) -> bool:
    return len(text) > 1 and text.isascii() and text.replace("_", "a").replace(":", "a").isalpha()


_Dumper.add_representer(str, _text)
