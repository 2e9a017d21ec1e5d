"""Assignment agrees with GrowthBook's published vectors and never reshuffles."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.stats.assignment import bucket, bucket_ranges, choose_variation, fnv1a32, hash_bytes, in_share, in_shares

_ROOT = Path(__file__).resolve().parents[2]
VECTORS = Path(os.environ.get("FLYBALL_CONFORMANCE", _ROOT.parent / "shared" / "conformance")) / "growthbook" / "cases.sdk-js.json"
units = st.text(max_size=40)
shares = st.floats(0, 1)


@pytest.fixture(scope="module")
def vectors() -> Any:
    if not VECTORS.exists():
        pytest.skip(f"no {VECTORS}: set FLYBALL_CONFORMANCE to the folder of conformance vectors")
    return json.loads(VECTORS.read_text())


def test_buckets_are_those_of_growthbook_version_2(vectors: Any) -> None:
    cases = [case for case in vectors["hash"] if case[2] == 2]
    assert len(cases) == 7
    for seed, unit, _, expected in cases:
        assert bucket(unit, seed) == expected


def test_bucket_ranges_are_those_of_growthbook(vectors: Any) -> None:
    assert len(vectors["getBucketRange"]) >= 13
    for name, (variations, coverage, weights), expected in vectors["getBucketRange"]:
        found = bucket_ranges(variations, coverage, weights)
        assert [pytest.approx(pair) for pair in found] == [tuple(pair) for pair in expected], name


def test_the_chosen_variation_is_that_of_growthbook(vectors: Any) -> None:
    assert len(vectors["chooseVariation"]) >= 13
    for name, place, ranges, expected in vectors["chooseVariation"]:
        assert choose_variation(place, [tuple(pair) for pair in ranges]) == expected, name


def test_the_hash_is_standard_fnv_1a() -> None:
    assert fnv1a32("") == 0x811C9DC5
    assert fnv1a32("a") == 0xE40C292C
    assert fnv1a32("foobar") == 0xBF9CF968


@given(units, units)
def test_a_bucket_is_always_in_the_half_open_unit_interval(unit: str, seed: str) -> None:
    assert 0 <= bucket(unit, seed) < 1


@given(units, units, shares, shares)
def test_a_larger_share_never_loses_a_unit(unit: str, seed: str, one: float, two: float) -> None:
    small, large = sorted((one, two))
    assert in_share(unit, seed, small) <= in_share(unit, seed, large)


@given(units, units)
def test_nobody_is_in_no_share_and_everybody_in_the_whole(unit: str, seed: str) -> None:
    assert not in_share(unit, seed, 0)
    assert in_share(unit, seed, 1)


def test_shares_are_met_and_seeds_are_independent() -> None:
    first = [in_share(f"customer-{n}", "one", 0.3) for n in range(20_000)]
    second = [in_share(f"customer-{n}", "two", 0.3) for n in range(20_000)]
    both = sum(a and b for a, b in zip(first, second, strict=True))
    assert abs(sum(first) / 20_000 - 0.3) < 0.01
    assert abs(both / 20_000 - 0.09) < 0.01


@given(st.lists(st.text(max_size=40), max_size=30), st.text(max_size=8), st.floats(0, 1))
def test_many_units_at_once_are_assigned_as_each_alone(units: list[str], seed: str, share: float) -> None:
    assert in_shares(units, seed, share).tolist() == [in_share(unit, seed, share) for unit in units]


@given(st.binary(max_size=300))
def test_the_compiled_hash_is_the_one_in_python(content: bytes) -> None:
    compiled = pytest.importorskip("flyball.stats._fnv", reason="the compiled hash was not built: a C compiler is missing")
    assert compiled.fnv1a32(content) == hash_bytes(content)
