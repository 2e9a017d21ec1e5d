"""`[train.search]`: what can be searched, what is refused, and that it changes no digest."""

from pathlib import Path

import pytest

from flyball.core.errors import SpecError
from flyball.spec.load import parse_spec
from flyball.spec.records import Range, Spec
from flyball.training.identity import training_digest

SPEC = """
[model]
name = "m"
task = "binary"
[data]
source = "d.csv"
target = "y"
[train]
run = "p:t"
params = { depth = 3, rate = 0.1, kind = "a" }
"""


def spec(search: str = "") -> Spec:
    return parse_spec(f"{SPEC}[train.search]\n{search}" if search else SPEC, folder=Path())


def test_ranges_and_lists_are_read_as_they_are_meant() -> None:
    found = spec(
        'depth = { low = 2, high = 9 }\nrate = { low = 0.01, high = 1.0, log = true }\nkind = ["a", "b"]\nnew = [true, false]'
    ).search
    assert found == {
        "depth": Range(low=2, high=9, whole=True),
        "rate": Range(low=0.01, high=1.0, log=True),
        "kind": ("a", "b"),
        "new": (True, False),
    }
    assert spec("rate = { low = 1, high = 2.5, step = 0.5 }").search["rate"] == Range(low=1, high=2.5, step=0.5)
    assert spec().search == {}


def test_what_is_searched_changes_neither_the_digest_nor_the_identity_of_trainings() -> None:
    plain, searched = spec(), spec("depth = [2, 3]")
    assert plain.digest == searched.digest
    assert training_digest(plain) == training_digest(searched)


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("depth = 3", "train.search.depth = 3"),
        ("depth = [3]", "train.search.depth"),
        ("depth = [3, 3]", "train.search.depth"),
        ("depth = [3, [4]]", "train.search.depth"),
        ("depth = { low = 3 }", "train.search.depth.high"),
        ("depth = { low = 3, high = 3 }", "train.search.depth.high"),
        ("depth = { low = true, high = 3 }", "train.search.depth.low"),
        ("depth = { low = 3, high = 9, step = 0.5 }", "train.search.depth.step"),
        ("depth = { low = 3, high = 9, step = 7 }", "train.search.depth.step"),
        ("depth = { low = 0, high = 9, log = true }", "train.search.depth.log"),
        ("depth = { low = 1, high = 9, log = true, step = 2 }", "train.search.depth.log"),
        ("depth = { low = 1, high = 9, lgo = true }", "unknown key train.search.depth.lgo"),
        ("rate = { low = nan, high = 1.0 }", "train.search.rate.low"),
        ('kind = { low = 1, high = 2 }', "another kind than train.params.kind"),
        ("depth = { low = 0.5, high = 2.0 }", ""),
        ('depth = ["a", "b"]', "another kind than train.params.depth"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused_by_its_place(search: str, said: str) -> None:
    if not said:
        assert spec(search).search
        return
    with pytest.raises(SpecError) as raised:
        spec(search)
    assert said in raised.value.message
    assert raised.value.hint
