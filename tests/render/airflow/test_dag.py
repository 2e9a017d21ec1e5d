"""What is rendered for Airflow: data and code are apart, whatever the project says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from flyball.core.errors import UsageError
from flyball.render.airflow.dag import files, tree
from flyball.render.records import Order
from flyball.spec.load import parse_spec
from orchestrated import FULL, NAMES, TEXTS, agreed, data_and_code, full, hostile


def order(*specs: Any) -> Order:
    return Order(specs=specs or (full(),))


CODE = data_and_code(files(order())["flyball_churn.py"])[1]


def test_the_file_is_as_agreed(pytestconfig: pytest.Config) -> None:
    agreed(files(order()), "airflow", pytestconfig)


def test_the_file_says_who_made_it() -> None:
    assert files(order())["flyball_churn.py"].startswith('"""Made by `flyball render airflow`.')


@settings(deadline=None, max_examples=40)
@given(name=NAMES, environment=TEXTS, text=TEXTS)
def test_whatever_a_project_says_is_data_and_never_code(name: str, environment: str, text: str) -> None:
    wanted = hostile(name, environment, text)
    ((path, rendered),) = files(order(wanted)).items()
    plan, code = data_and_code(rendered)
    assert plan == tree(wanted)
    assert code == CODE
    assert path == f"{tree(wanted)['prefix']}.py" and path.removesuffix(".py").isidentifier() and path.isascii()


def test_every_step_is_a_task_with_its_timeout_its_retries_and_what_it_may_use() -> None:
    renew: Any = tree(full())["dags"]
    steps = {step["name"]: step for step in renew[0]["steps"]}
    assert list(steps) == ["check", "data", "train", "test", "register", "deploy"]
    assert steps["train"]["resources"] == {"cpu": "2500m", "memory": str(4 * 2**30), "nvidia.com/gpu": "1"}
    assert (steps["train"]["slots"], steps["train"]["seconds"], steps["train"]["retries"]) == (3, 5400.0, 0)
    assert steps["data"]["retries"] == 2 and steps["check"]["resources"] == {}


def test_renewing_follows_the_schedule_and_watching_the_look() -> None:
    plan: Any = tree(full())
    assert [(dag["dag"], dag["every"]) for dag in plan["dags"]] == [("flyball_churn", 30 * 86_400.0), ("flyball_churn-watch", 900.0)]
    unscheduled: Any = tree(full(FULL.replace('["schedule"]', '["drift"]')))
    assert unscheduled["dags"][0]["every"] is None


def test_a_run_never_waits_longer_for_data_than_half_of_what_is_between_two() -> None:
    hourly: Any = tree(full(FULL.replace('every = "30d"', 'every = "1h"')))["dags"]
    waits = hourly[0]["new_data"]
    assert (waits["path"], waits["every"], waits["seconds"]) == ("data/customers.csv", 300.0, 1800.0)


def test_a_query_is_asked_a_few_times_and_not_every_five_minutes() -> None:
    text = FULL.replace('"data/customers.csv"', '{ query = "q.sql", connection = "env:WAREHOUSE" }') + '[env.prod.deliver]\nlook = "5m"\n'
    plan: Any = tree(full(text, environment="prod"))
    waits = plan["dags"][0]["new_data"]
    assert (waits["path"], waits["rows"], waits["every"]) == (None, ["--env", "prod", "snapshot", "--json"], 7200.0)
    assert "WAREHOUSE" in plan["secrets"]


def test_environments_of_a_model_are_dags_of_their_own() -> None:
    text = FULL + '[env.prod.deliver]\nlook = "5m"\n[env."pre prod".deliver]\nlook = "5m"\n'
    specs = [parse_spec(text, folder=Path("nowhere"), environment=name) for name in ("", "prod", "pre prod")]
    made = files(order(*specs))
    assert list(made)[:2] == ["flyball_churn.py", "flyball_churn__prod.py"] and len(made) == 3
    assert tree(specs[1])["dags"][0]["steps"][0]["verb"] == ["--env", "prod", "check"]  # type: ignore[index,call-overload]


def test_no_two_models_and_environments_share_a_name() -> None:
    named = [
        ("churn", ""),
        ("churn", "prod"),
        ("churn-prod", ""),
        ("churn", "watch"),
        ("churn-watch", ""),
        ("churn-prod", "watch"),
        ("churn", "prod-watch"),
    ]
    specs = [
        parse_spec(
            FULL.replace('"churn"', f'"{model}"') + (f'[env.{name}.deliver]\nlook = "5m"\n' if name else ""),
            folder=Path("nowhere"),
            environment=name,
        )
        for model, name in named
    ]
    plans: list[Any] = [tree(spec) for spec in specs]
    assert len(files(order(*specs))) == len(named)
    assert len({dag["dag"] for plan in plans for dag in plan["dags"]}) == 2 * len(named)


def test_two_projects_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two projects have the model 'churn'"):
        files(order(full(), replace(full(), folder=Path("elsewhere"))))
