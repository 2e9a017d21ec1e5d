"""What makes one tree of another, as the operations of a JSON Patch (RFC 6902)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

from flyball.render.dump import Tree, to_json


def difference(before: Tree, after: Tree, place: str = "") -> Iterator[dict[str, Tree]]:
    """The operations, in an order in which they can be applied. Lists that hold other parts than before are replaced whole.

    >>> list(difference({"a": 1, "b": [1]}, {"b": [2], "c/d": 3}))
    [{'op': 'remove', 'path': '/a'}, {'op': 'replace', 'path': '/b', 'value': [2]}, {'op': 'add', 'path': '/c~1d', 'value': 3}]
    """
    if _alike(before) and _alike(after) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from difference(one, other, f"{place}/{number}")
        return
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        if to_json(before) != to_json(after):  # to Python 1 is true
            yield {"op": "replace", "path": place, "value": after}
        return
    for name in before:
        if name not in after:
            yield {"op": "remove", "path": _below(place, name)}
    for name, value in after.items():
        if name in before:
            yield from difference(before[name], value, _below(place, name))
        else:
            yield {"op": "add", "path": _below(place, name), "value": value}


def _alike(tree: Tree) -> TypeGuard[Sequence[Mapping[str, Tree]]]:
    """Whether a tree is a list of objects, which are then told apart by their places."""
    return isinstance(tree, Sequence) and not isinstance(tree, str) and bool(tree) and all(isinstance(one, Mapping) for one in tree)


def _below(place: str, name: str) -> str:
    return f"{place}/{name.replace('~', '~0').replace('/', '~1')}"
