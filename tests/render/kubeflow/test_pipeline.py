"""What is rendered for Kubeflow: Python and what it compiles to say the same, and what cannot be said is refused."""

from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from flyball.core.errors import SpecError, UsageError
from flyball.render.kubeflow.compiled import pipeline, platform
from flyball.render.kubeflow.pipeline import files, tree
from flyball.render.kubernetes.naming import object_name
from flyball.render.records import Order
from orchestrated import FULL, NAMES, TEXTS, agreed, data_and_code, full, hostile


def order(*specs: Any) -> Order:
    return Order(specs=specs or (full(),))


CODE = data_and_code(files(order())["churn/pipeline.py"])[1]


def test_the_files_are_as_agreed(pytestconfig: pytest.Config) -> None:
    agreed(files(order()), "kubeflow", pytestconfig)


@settings(deadline=None, max_examples=40)
@given(name=NAMES, environment=TEXTS, text=TEXTS)
def test_whatever_a_project_says_is_data_and_never_code_or_it_is_refused(name: str, environment: str, text: str) -> None:
    wanted = hostile(name, environment, text)
    if any(sign in said for sign in ("{{", "$(") for said in (name, environment, text)):
        with pytest.raises(SpecError, match="cannot say as text"):
            files(order(wanted))
        return
    made = files(order(wanted))
    plan, code = data_and_code(next(text for path, text in made.items() if path.endswith(".py")))
    found: Any = tree(wanted)
    assert plan == found
    assert code == CODE
    for part, path in zip(found["pipelines"], list(made)[1:], strict=True):
        assert list(yaml.safe_load_all(made[path])) == [pipeline(found, part), platform(found, part)]
        assert path.isascii() and ".." not in path


@pytest.mark.parametrize("sign", ["{{", "$("])
@pytest.mark.parametrize("where", ["image", "variables.A", "the environment"])
def test_what_the_cluster_would_read_as_an_expression_is_refused_by_name(sign: str, where: str) -> None:
    spec, text = full(), f"a{sign}b"
    changed = {
        "image": replace(spec, deliver=replace(spec.deliver, image=text)),
        "variables.A": replace(spec, deliver=replace(spec.deliver, variables={"A": text})),
        "the environment": replace(spec, environment=text),
    }
    with pytest.raises(SpecError) as refused:
        files(order(changed[where]))
    assert where in refused.value.message and sign in refused.value.message


def test_a_project_without_shared_stores_is_refused() -> None:
    with pytest.raises(SpecError, match="keeps its mlflow in its own folder"):
        files(order(full(FULL.replace('mlflow = "env:FLYBALL_MLFLOW"\n', ""))))


def test_a_project_without_an_image_is_refused() -> None:
    with pytest.raises(SpecError, match="names no image") as refused:
        files(order(full(FULL.replace('image = "registry.example.com/team/churn:1"\n', ""))))
    assert "`flyball render docker`" in refused.value.hint


def test_the_secret_is_the_one_of_the_manifests_also_for_a_name_that_begins_with_a_number() -> None:
    found: Any = tree(full(FULL.replace('name = "churn"', 'name = "2024 churn"')))
    assert found["secret"] == object_name("2024 churn")
    assert found["secret"].startswith("m-2024-churn")


def test_two_projects_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two projects have the model 'churn'"):
        files(order(full(), full()))


def test_what_training_leaves_is_handed_to_the_steps_after_it() -> None:
    found: Any = tree(full())
    compiled = pipeline(found, found["pipelines"][0])
    executors = {name: one["container"]["args"] for name, one in compiled["deploymentSpec"]["executors"].items()}
    assert "{{$.outputs.artifacts['evaluation'].path}}" in executors["exec-train"]
    for name in ("exec-test", "exec-register"):
        assert "{{$.inputs.artifacts['evaluation'].path}}" in executors[name]
    assert "{{$.outputs.artifacts['tests'].path}}" in executors["exec-test"]
    tasks = compiled["root"]["dag"]["tasks"]
    assert tasks["register"]["inputs"]["artifacts"]["evaluation"]["taskOutputArtifact"]["producerTask"] == "train"
    assert tasks["register"]["dependentTasks"] == ["test", "train"]


def test_an_environment_of_the_name_of_that_folder_is_not_taken_for_it() -> None:
    found: Any = tree(replace(full(), environment="evaluation"))
    assert found["pipelines"][0]["steps"][0]["args"] == ["--env", "evaluation", "check"]


def test_no_step_is_answered_from_a_cache_and_only_some_are_tried_again() -> None:
    found: Any = tree(full())
    tasks = pipeline(found, found["pipelines"][0])["root"]["dag"]["tasks"]
    assert all(task["cachingOptions"] == {} for task in tasks.values())
    assert {name: task["retryPolicy"]["maxRetryCount"] for name, task in tasks.items() if "retryPolicy" in task} == {"data": 2, "deploy": 1}
