"""`[data] source`: a query and where it is asked."""

from pathlib import Path

import pytest

from flyball.core.errors import SpecError
from flyball.spec.load import parse_spec
from flyball.spec.records import Spec
from flyball.training.identity import training_digest

MINIMAL = '[model]\nname = "m"\ntask = "binary"\n[data]\nsource = {}\ntarget = "y"\n[train]\nrun = "p:t"\n'


def with_source(source: str) -> Spec:
    return parse_spec(MINIMAL.format(source), folder=Path("nowhere"))


def test_a_query_is_a_file_and_the_variable_that_holds_the_address() -> None:
    data = with_source('{ query = "sql/late flights.sql", connection = "env:WAREHOUSE_URL" }').data
    assert (data.source, data.connection) == ("sql/late flights.sql", "env:WAREHOUSE_URL")
    assert data.place == "warehouse/late-flights-02be09ac"
    assert with_source('"d.csv"').data.place == "d.csv"


def test_where_a_query_is_asked_says_nothing_of_what_is_learned() -> None:
    here, there = (with_source(f'{{ query = "q.sql", connection = "env:{name}" }}') for name in ("DEV_URL", "PROD_URL"))
    assert (here.digest, training_digest(here)) == (there.digest, training_digest(there))


def test_the_digest_of_a_spec_that_reads_files_is_what_it_always_was() -> None:
    spec = with_source('"d.csv"')
    assert spec.digest == "5b9f2573982adeb31ee3ccb3ac20620608d70e86012df5428643296ed4fc3658"
    assert training_digest(spec) == "9132f0e4cf6b65459bf898a7c3ec746b84d4bf17e158e211f2108bab5e9fec1d"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('{ query = "q.sql", connection = "postgresql://me:hunter2@host/db" }', "must name a variable"),
        ('{ query = "q.sql", connection = "env:NOT A NAME" }', "must name a variable"),
        ('{ query = "SELECT 1", connection = "env:URL" }', r'data\.source\.query = "SELECT 1" cannot be used'),
        ('{ query = "q.sql" }', r"\[data\.source\] connection is missing"),
        ('{ query = "q.sql", conection = "env:URL" }', r"\[data\.source\] connection is missing; is it meant by 'conection'"),
        ('{ query = "q.sql", connection = "env:URL", every = 1 }', r"unknown key data\.source\.every"),
        ("3", r"data\.source = 3 cannot be used"),
    ],
)
def test_a_source_that_cannot_be_asked_is_refused_without_its_secrets(source: str, says: str) -> None:
    with pytest.raises(SpecError, match=says) as refused:
        with_source(source)
    assert "hunter2" not in str(refused.value)
