"""Addresses of models on other servers."""

import pytest

from flyball.adapters.remote.address import address_of, is_address
from flyball.core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "protocol", "name"),
    [
        ("http://host:8501/v1/models/m", "tf", "m"),
        ("http://host:8501/v1/models/m/versions/3", "tf", "m"),
        ("http://host:8501/v1/models/m/labels/stable", "tf", "m"),
        ("https://host/v2/models/my%20model/", "v2", "my model"),
        ("http://[::1]:8000/v2/models/m/versions/2", "v2", "m"),
    ],
)
def test_both_protocols_are_told_by_their_paths(text: str, protocol: str, name: str) -> None:
    assert is_address(text)
    found = address_of(text)
    assert (found.protocol, found.name, found.url) == (protocol, name, text.rstrip("/"))


@pytest.mark.parametrize(
    "text",
    [
        "http://host:8501/v1/models/m:predict",
        "http://host:8501/",
        "http://host:99999/v1/models/m",
        "http://host:0/v1/models/m",
        "http://user:word@host/v2/models/m",
        "http://host/v2/models/m?x=1",
        "http://host/v2/models/m#f",
        "http://host/v2/models/m\nx: y",
        "http:///v2/models/m",
        "http://host/v2/models/m/infer",
        "ftp://host/v2/models/m",
        "http://host/v2/models/" + "m" * 3000,
    ],
)
def test_what_is_no_address_of_a_model_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        address_of(text)
    assert refused.value.hint
