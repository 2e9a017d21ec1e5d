"""How `[train]` says who trains: a function, a command or another system."""

from pathlib import Path

import pytest

from flyball.core.errors import SpecError
from flyball.spec.load import parse_spec
from flyball.spec.records import External, Spec
from projects import SPEC


def spec(train: str, rest: str = "") -> Spec:
    text = SPEC.replace('run = "pipeline:train"\nparams = { C = 1.0 }', train)
    return parse_spec(text + rest, folder=Path("a"))


def refused(train: str) -> str:
    with pytest.raises(SpecError) as told:
        spec(train)
    return str(told.value)


def test_a_command_is_taken_apart_as_a_shell_would_or_given_as_words() -> None:
    assert spec("command = \"docker run -v '{exchange}:/x' 'my image'\"").train.command == (
        "docker",
        "run",
        "-v",
        "{exchange}:/x",
        "my image",
    )
    assert spec('command = ["make", "a model"]').train.command == ("make", "a model")
    assert spec('command = "make model"').train.run == ""


def test_a_function_may_be_called_by_another_interpreter() -> None:
    train = spec('run = "pipeline:train"\npython = ".venv/bin/python"').train
    assert (train.run, train.python) == ("pipeline:train", ".venv/bin/python")


def test_another_system_is_named_by_kind_address_and_a_variable_with_the_token() -> None:
    train = spec('external = { kind = "repository_dispatch", url = "https://a.b/dispatches", token = "env:T" }\ntimeout = "2h"').train
    assert train.external == External(kind="repository_dispatch", url="https://a.b/dispatches", token="env:T")
    assert spec('external = { kind = "webhook", url = "env:TRAIN_URL" }').train.external is not None


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ('run = "p:t"\ncommand = "make"', "[train] names run and command, and a model is trained in one way"),
        ('command = "make"\nexternal = { kind = "webhook", url = "http://a" }', "names command and external"),
        ("params = {}", "[train] run is missing"),
        ('command = ""', "train.command"),
        ("command = []", "train.command"),
        ("command = [1]", "train.command = [1] cannot be used"),
        ('command = "make \'it"', "cannot be taken apart"),
        ('command = "make"\npython = "python3"', "there is no train.run"),
        ('external = "webhook"', 'kind = "webhook", url = "https://..."'),
        ('external = { kind = "fax", url = "http://a" }', "train.external.kind"),
        ('external = { kind = "webhook" }', "[train.external] url is missing"),
        ('external = { kind = "webhook", url = "a.b/c" }', "train.external.url"),
        ('external = { kind = "webhook", url = "http://a", token = "s3cret" }', 'token = "env:TRAIN_TOKEN"'),
        ('external = { kind = "webhook", url = "http://a", verb = "PUT" }', "unknown key train.external.verb"),
        ('run = "p:t"\nresources = { gpus = 1 }', "unknown key train.resources.gpus; did you mean 'gpu'"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_write(train: str, said: str) -> None:
    assert said in refused(train)


def test_a_token_that_stands_in_the_file_is_not_repeated() -> None:
    assert "s3cret" not in refused('external = { kind = "webhook", url = "http://a", token = "s3cret" }')
