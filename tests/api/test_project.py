"""A project from Python: the verbs of the command line as records that a notebook shows as tables."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import flyball
from flyball import Client, Project
from flyball.core.errors import NotFoundError, RefusedError, SpecError
from flyball.loop.making.trained import TrainResult
from projects import customers, make_project
from trained import CUSTOMER, MODEL, Shop, change, only_our_warnings, until_logged


def later() -> datetime:
    return datetime(2025, 3, 10, tzinfo=UTC)


@pytest.fixture
def project(own: Shop) -> Project:
    return Project(own.folder, clock=later)


def test_models_are_records_and_a_table(project: Project, own: Shop) -> None:
    models = project.models()
    assert [one.version for one in models] == [1, 2, 3]
    assert models[1].aliases == ("champion",) and models[1].metrics == own.second.json["metrics"]
    assert len(models) == 3
    page = models._repr_html_()
    assert page.startswith("<table>") and "champion" in page and "roc_auc" in page
    assert "champion" in repr(models)


def test_training_from_python_is_the_same_training(project: Project, own: Shop) -> None:
    change(own.folder, "n_estimators = 5", "n_estimators = 40")
    with only_our_warnings():
        found = Project(own.folder, clock=later).train()
    assert isinstance(found.value, TrainResult)
    assert (found.version, found.status, found.run_id) == (2, "unchanged", own.second.json["run_id"])
    assert "gate pass" in repr(found) and "<table>" in found._repr_html_()


def test_a_new_project_is_trained_promoted_and_known(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project", frame=customers(800))
    project = Project(folder, clock=lambda: datetime(2024, 4, 1, tzinfo=UTC))
    with pytest.raises(RefusedError, match="no champion"):
        project.monitor(customers(100))
    with only_our_warnings():
        tracked = project.train(register=False)
        assert tracked.version is None
        assert len(project.models()) == 0
        made = project.train()
    assert (made.version, made.run_id) == (1, tracked.run_id)
    assert project.models()[0].aliases == ("champion",)


def test_monitor_takes_a_frame_and_finds_what_moved(project: Project, own: Shop) -> None:
    frame = pd.read_csv(own.folder / "data" / "customers.csv")
    frame["charge_per_tenure"] = frame["monthly_charges"] / (frame["tenure_months"] + 1)
    frame["calls_per_month"] = frame["support_calls"] / (frame["tenure_months"] + 1)
    quiet = project.monitor(frame)
    assert quiet.value.rows == len(frame)
    assert set(quiet.value.columns) == set(CUSTOMER)
    assert not [name for name, column in quiet.value.columns.items() if column.state == "drift"]
    moved = project.monitor(frame.assign(monthly_charges=frame["monthly_charges"] * 1.5))
    assert [name for name, column in moved.value.columns.items() if column.state == "drift"] == ["monthly_charges"]
    assert "monthly_charges" in moved._repr_html_()
    arrays = {name: np.asarray(frame[name]) for name in CUSTOMER}
    assert project.monitor(arrays).value.rows == len(frame)
    page = moved._repr_html_()
    assert page.startswith('<iframe srcdoc="') and 'sandbox=""' in page, "a notebook shows the page and lets nothing in it run"
    assert "monthly_charges moved by" in moved.page and "<svg" in moved.page
    assert "monthly_charges" in repr(moved) and "<svg" not in repr(moved)
    assert "flyball status" in project.monitor().page, "nothing was predicted: the page says what to look at"


def test_why_and_trace_lead_back_to_the_evidence(project: Project, own: Shop, served: str) -> None:
    story = project.why(2)
    assert [one.action for one in story] == ["registered", "promote"]
    with pytest.raises(NotFoundError, match=f"no {MODEL}@9"):
        project.why(9)
    with Client(served) as client:
        made = client.predict(CUSTOMER, unit="C1")
        until_logged(client, 1)
    chain = project.trace(made["prediction_id"])
    assert chain.lineage is not None and chain.lineage.run_id == own.second.json["run_id"]
    assert chain.prediction.features == CUSTOMER
    assert own.second.json["snapshot"] in repr(chain)
    with pytest.raises(NotFoundError):
        project.trace("nothing of that name")


def test_a_folder_that_is_no_project_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"flyball\.toml"):
        Project(tmp_path)


def test_what_a_table_shows_is_escaped() -> None:
    from flyball.api.view import View

    page = View(title="<b>", head=("a",), lines=(("<script>",),), value=None)._repr_html_()
    assert "<script>" not in page and "<b>" not in page


def test_the_project_is_one_of_the_public_names() -> None:
    assert flyball.Project is Project
