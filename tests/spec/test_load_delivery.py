"""`[stores]`, `[track]`, `[deliver]` and the environments."""

from datetime import timedelta
from pathlib import Path

import pytest

from flyball.core.errors import SpecError
from flyball.spec.delivery import Price, Resources, StoresSpec
from flyball.spec.load import environments, load_spec, parse_spec
from flyball.spec.records import Spec

MINIMAL = '[model]\nname = "m"\ntask = "binary"\n[data]\nsource = "d.csv"\ntarget = "y"\n[train]\nrun = "p:t"\n'


def parsed(more: str, environment: str = "") -> Spec:
    return parse_spec(MINIMAL + more, folder=Path("nowhere"), environment=environment)


def test_a_project_that_says_nothing_keeps_everything_in_its_folder() -> None:
    spec = parsed("")
    assert spec.stores == StoresSpec()
    assert (spec.resources, spec.price) == (Resources(), Price())


def test_where_things_run_and_are_kept_is_no_part_of_what_a_rollout_is_bound_to() -> None:
    more = (
        'resources = { cpu = 4, memory = "8Gi", gpu = 1 }\nprice = { cpu = 0.04 }\n[stores]\ndatabase = "env:DB"\n[deliver]\nreplicas = 3\n'
    )
    assert parsed(more).digest == parsed("").digest
    assert parsed(more).resources == Resources(cpu=4.0, memory=8 * 2**30, gpu=1)


def test_an_environment_is_laid_over_the_rest_key_by_key() -> None:
    more = '[serve]\nworkers = 1\nlog = "required"\n[env.prod.serve]\nworkers = 4\n[env.prod.stores]\nkeep = "400d"\n[env.dev]\n'
    prod = parsed(more, "prod")
    assert (prod.serve.workers, prod.serve.log, prod.stores.keep, prod.environment) == (4, "required", timedelta(days=400), "prod")
    assert parsed(more, "dev").serve == parsed(more).serve
    assert parsed(more).serve.workers == 1
    assert environments(MINIMAL + more) == ["prod", "dev"]


def test_an_environment_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(SpecError, match=r"no environment 'prd'; did you mean 'prod'") as refused:
        parsed("[env.prod]\n", "prd")
    assert refused.value.hint == "environments: prod"


def test_a_mistake_in_an_environment_names_the_environment() -> None:
    with pytest.raises(SpecError, match=r"in the environment 'prod', flyball.toml: unknown key serve.wrkers"):
        parsed("[env.prod.serve]\nwrkers = 1\n", "prod")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[stores]\ndatabase = "postgresql://me:secret@db/x"\n', "holds a password"),
        ('[stores]\ndatabase = "mysql://db/x"\n', "cannot be used"),
        ('[stores]\nremote = "s3://b\\nucket"\n', "cannot be used"),
        ('[stores]\nkeep = "1h"\n', "at least 1 day"),
        ('[track]\nwandb = "a/b/c"\n', "cannot be used"),
        ('[track]\nlineage = "env:A B"\n', "cannot be used"),
        ('[deliver]\nsecrets = ["A-B"]\n', "cannot be used"),
        ('[deliver]\nnamespace = "Prod"\n', "cannot be used"),
        ("[deliver]\nreplicas = 3\nmost = 2\n", "cannot be used"),
        ('[deliver]\nserver = { memory = "lots" }\n', "cannot be used"),
        ('[deliver]\npython = "3.9"\n', "cannot be used"),
        ("[env]\nprod = 1\n", "something else than environments"),
    ],
)
def test_what_cannot_be_used_is_refused(more: str, said: str) -> None:
    with pytest.raises(SpecError) as refused:
        parsed(more)
    assert said in str(refused.value)


def test_predictions_are_kept_at_least_until_their_outcomes_count() -> None:
    text = MINIMAL.replace('target = "y"', 'target = "y"\nmatures = "2d"')
    with pytest.raises(SpecError, match=r"at least data\.matures, which is 2d"):
        parse_spec(text + '[stores]\nkeep = "1d"\n', folder=Path("nowhere"))
    with pytest.raises(SpecError, match=r"at least data\.matures, which is 2d"):
        parse_spec(text + '[env.prod.stores]\nkeep = "36h"\n', folder=Path("nowhere"), environment="prod")
    assert parse_spec(text + '[stores]\nkeep = "2d"\n', folder=Path("nowhere")).stores.keep == timedelta(days=2)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u@h/db?password=SEKRET",
        "postgresql://u@h/db?Pass%77ord=SEKRET",
        "postgresql://u@h/db?sslmode=require&passfile=SEKRET",
        "postgresql://u@h/db?sslpassword=SEKRET",
        "postgresql://u:SEKRET@h/db",
        "postgresql://[u:SEKRET@h/db",
        "host=h password=SEKRET",
        "mysql://u:SEKRET@h/db",
        "ftp://u:SEKRET@h",
        "env:NAME SEKRET",
        "https://h/x?api_key=SEKRET",
        "https://h/x#token=SEKRET",
        "s3://ID:SEKRET@bucket",
    ],
)
@pytest.mark.parametrize(
    ("section", "key"), [("stores", "database"), ("stores", "remote"), ("stores", "mlflow"), ("track", "events"), ("track", "lineage")]
)
def test_a_secret_in_an_address_is_refused_and_never_repeated(section: str, key: str, address: str) -> None:
    if (key, address[:5]) == ("mlflow", "mysql"):
        address = address.replace("mysql", "postgresql")
    with pytest.raises(SpecError) as refused:
        parsed(f'[{section}]\n{key} = "{address}"\n')
    assert "SEKRET" not in str(refused.value) and f"{section}.{key}" in str(refused.value)


def test_an_address_that_is_no_text_is_not_repeated_either() -> None:
    with pytest.raises(SpecError) as refused:
        parsed('[stores]\ndatabase = ["postgresql://u:SEKRET@h/db"]\n')
    assert "SEKRET" not in str(refused.value)


def test_what_is_no_secret_may_stand_in_an_address() -> None:
    more = '[stores]\ndatabase = "postgresql://u@h/db?sslmode=require&sslrootcert=/ca.pem"\n[track]\nevents = "file:told/events.jsonl"\n'
    assert parsed(more).stores.database.endswith("/ca.pem") and parsed(more).track.events == "file:told/events.jsonl"


@pytest.mark.parametrize("path", ["file:../../x/y", "file:///etc/x", "file:/etc/x", "file://../x", "file:a/../../x", "file:", "file:."])
@pytest.mark.parametrize("key", ["events", "lineage"])
def test_what_is_told_goes_to_no_file_outside_of_the_project(key: str, path: str) -> None:
    with pytest.raises(SpecError, match=f"track.{key} cannot be used"):
        parsed(f'[track]\n{key} = "{path}"\n')


def test_a_spec_is_loaded_for_an_environment(tmp_path: Path) -> None:
    (tmp_path / "flyball.toml").write_text(MINIMAL + "[env.prod.serve]\nworkers = 3\n")
    assert load_spec(tmp_path, "prod").serve.workers == 3
