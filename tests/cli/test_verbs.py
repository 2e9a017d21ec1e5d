"""Every verb on a real trained project: what it prints, what it changes, and with which status it leaves."""

import json
import shutil
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from flyball.api.client import Client
from flyball.cli.main import VERBS
from trained import CUSTOMER, MODEL, Shop, change, flyball, only_our_warnings, spawn, until_logged


def aliases(folder: Path) -> dict[int, list[str]]:
    return {one["version"]: one["aliases"] for one in flyball(folder, "models", "--json").json}


def in_registry(folder: Path) -> dict[str, int]:
    with only_our_warnings():
        from mlflow import MlflowClient

        uri = f"sqlite:///{folder / 'mlflow.db'}"
        found = MlflowClient(tracking_uri=uri, registry_uri=uri).get_registered_model(MODEL).aliases
    return {alias: int(version) for alias, version in found.items()}


def test_train_prints_one_document_with_what_others_build_on(shop: Shop) -> None:
    said = shop.first.json
    assert shop.first.status == 0
    assert (said["model"], said["version"], said["status"], said["engine"]) == (MODEL, 1, "registered", "trees")
    assert len(said["run_id"]) == 32 and len(said["snapshot"]) == 64
    assert set(said["metrics"]) == {"roc_auc", "brier", "accuracy", "f1"}
    assert said["gate"]["verdict"] == "pass"
    assert [set(check) for check in said["gate"]["checks"]] == [{"metric", "verdict", "reason"}] * 2
    assert [check["verdict"] for check in said["gate"]["checks"]] == ["pass", "not applicable"]
    assert said["parity"]["differing_labels"] == 0 and said["parity"]["rows"] == said["rows"]["test"]
    assert all(seconds >= 0 for seconds in said["seconds"].values()) and "total" in said["seconds"]
    assert "becomes champion" in shop.first.err


def test_a_version_that_passes_its_gate_follows_the_champion_where_the_spec_promotes_at_once(shop: Shop) -> None:
    assert shop.second.status == 0
    assert "promotes on the gate" in shop.second.err
    checks = {check["metric"]: check["verdict"] for check in shop.second.json["gate"]["checks"]}
    assert checks == {"roc_auc": "pass", "brier": "pass", "replay": "not applicable", "untouched": "pass"}


def test_a_failed_gate_is_status_1_and_a_version_without_alias(shop: Shop) -> None:
    assert shop.third.status == 1
    assert shop.third.json["gate"]["verdict"] == "fail"
    assert shop.third.json["version"] == 3
    assert aliases(shop.folder) == {1: ["previous"], 2: ["champion"], 3: []}
    assert in_registry(shop.folder) == {"champion": 2, "previous": 1}


def test_models_lists_every_version_for_machines_and_for_people(shop: Shop) -> None:
    listed = flyball(shop.folder, "models", "--json").json
    assert [one["version"] for one in listed] == [1, 2, 3]
    for one, said in zip(listed, (shop.first.json, shop.second.json, shop.third.json), strict=True):
        assert {"version", "aliases", "metrics", "created_at", "run_id", "snapshot", "engine"} <= set(one)
        assert (one["run_id"], one["snapshot"], one["metrics"]) == (said["run_id"], said["snapshot"], said["metrics"])
        assert datetime.fromisoformat(one["created_at"]).tzinfo is not None
    table = flyball(shop.folder, "models").out
    assert "champion" in table and "roc_auc" in table


def test_the_same_training_is_found_again_and_force_repeats_it(own: Shop) -> None:
    change(own.folder, "n_estimators = 5", "n_estimators = 40")
    found = flyball(own.folder, "train", "--json", "--now", "2025-03-04T00:00:00Z")
    assert (found.json["version"], found.json["status"], found.status) == (2, "unchanged", 0)
    assert found.json["run_id"] == own.second.json["run_id"]
    repeated = flyball(own.folder, "train", "--json", "--force", "--now", "2025-03-05T00:00:00Z")
    assert (repeated.json["version"], repeated.json["status"]) == (4, "registered")
    assert repeated.json["snapshot"] == own.second.json["snapshot"]


def test_training_and_registering_can_be_two_steps(own: Shop) -> None:
    change(own.folder, "n_estimators = 5", "n_estimators = 30")
    tracked = flyball(own.folder, "train", "--no-register", "--json", "--now", "2025-03-04T00:00:00Z")
    assert tracked.status == 0
    assert (tracked.json["version"], tracked.json["status"]) == (None, "tracked")
    assert len(aliases(own.folder)) == 3
    registered = flyball(own.folder, "register", tracked.json["run_id"], "--json", "--now", "2025-03-04T01:00:00Z")
    assert registered.status == 0, registered.err
    assert (registered.json["version"], registered.json["run_id"]) == (4, tracked.json["run_id"])
    assert registered.json["metrics"] == tracked.json["metrics"]
    assert aliases(own.folder)[4] == ["champion"]
    again = flyball(own.folder, "register", tracked.json["run_id"], "--json", "--now", "2025-03-04T02:00:00Z")
    assert (again.json["version"], again.json["status"]) == (4, "unchanged")


def test_registering_an_unknown_run_is_refused(own: Shop) -> None:
    said = flyball(own.folder, "register", "0" * 32)
    assert said.status == 1
    assert "error:" in said.err and "0" * 32 in said.err


def test_a_version_that_did_not_pass_is_promoted_only_by_force_and_with_a_reason(own: Shop) -> None:
    for words in ((), ("--reason", "because")):
        said = flyball(own.folder, "promote", f"{MODEL}@3", *words)
        assert said.status == 1
        assert "did not pass its gate (fail)" in said.err and "--force --reason" in said.err
    without_a_reason = flyball(own.folder, "promote", f"{MODEL}@3", "--force")
    assert without_a_reason.status == 2 and "--reason" in without_a_reason.err
    assert aliases(own.folder)[2] == ["champion"]
    forced = flyball(own.folder, "promote", f"{MODEL}@3", "--force", "--reason", "a trial", "--json")
    assert forced.status == 0
    assert forced.json["version"] == 3
    assert aliases(own.folder) == {1: [], 2: ["previous"], 3: ["champion"]}
    assert in_registry(own.folder) == {"champion": 3, "previous": 2}
    assert "a trial" in flyball(own.folder, "why", f"{MODEL}@3").out


def test_staging_makes_a_challenger_and_rollback_goes_back(own: Shop) -> None:
    staged = flyball(own.folder, "promote", "1", "--to", "staging", "--share", "0.25", "--reason", "compare")
    assert staged.status == 0
    assert "25" in staged.err
    assert aliases(own.folder) == {1: ["challenger", "previous"], 2: ["champion"], 3: []}
    assert in_registry(own.folder) == {"champion": 2, "challenger": 1, "previous": 1}
    back = flyball(own.folder, "rollback", MODEL, "--reason", "worse", "--json")
    assert back.status == 0
    assert back.json["events"] == ["roll back"]
    assert "champion" in aliases(own.folder)[1]
    assert aliases(own.folder)[2] == [], "what was given up is nothing to go back to"
    assert flyball(own.folder, "rollback", MODEL).status == 1


def test_a_version_is_taken_off_staging_and_a_share_belongs_to_staging(own: Shop) -> None:
    assert flyball(own.folder, "promote", "1", "--to", "staging", "--share", "0.25").status == 0
    assert flyball(own.folder, "promote", "1", "--to", "none", "--reason", "enough").status == 0
    assert aliases(own.folder) == {1: ["previous"], 2: ["champion"], 3: []}
    assert flyball(own.folder, "promote", "1", "--to", "none").status == 1
    assert flyball(own.folder, "promote", "1", "--share", "0.5").status == 2


def test_a_version_that_failed_its_gate_answers_nobody_without_force(own: Shop) -> None:
    said = flyball(own.folder, "promote", "3", "--to", "staging", "--share", "0.25")
    assert said.status == 1 and "did not pass its gate" in said.err
    assert flyball(own.folder, "promote", "3", "--to", "staging").status == 0, "loaded, answering nobody"


def test_a_rollback_needs_a_previous_champion_and_the_name_of_this_model(own: Shop) -> None:
    assert flyball(own.folder, "rollback", "other").status == 2
    empty = own.folder.parent / "empty"
    empty.mkdir()
    for name in ("flyball.toml", "pipeline.py"):
        shutil.copy(own.folder / name, empty / name)
    said = flyball(empty, "rollback")
    assert said.status == 1
    assert "no previous champion" in said.err


def test_while_frozen_nothing_is_promoted_and_going_back_is_allowed(own: Shop) -> None:
    assert flyball(own.folder, "freeze").status == 2  # a reason is needed
    assert flyball(own.folder, "freeze", "--reason", "audit", "--for", "24h", "--now", "2025-03-04T00:00:00Z").status == 0
    status = flyball(own.folder, "status", "--json", "--now", "2025-03-04T01:00:00Z").json
    assert status["frozen"] == "audit (until 2025-03-05 00:00 UTC)"
    said = flyball(own.folder, "promote", f"{MODEL}@1", "--now", "2025-03-04T01:00:00Z")
    assert said.status == 1
    assert "frozen" in said.err and "audit" in said.err and "thaw" in said.err
    assert flyball(own.folder, "rollback", "--now", "2025-03-04T02:00:00Z").status == 0
    assert flyball(own.folder, "thaw", "--reason", "done", "--now", "2025-03-04T03:00:00Z").status == 0
    assert flyball(own.folder, "thaw", "--now", "2025-03-04T03:00:00Z").status == 1
    assert flyball(own.folder, "status", "--json", "--now", "2025-03-04T04:00:00Z").json["frozen"] is None
    assert flyball(own.folder, "promote", f"{MODEL}@2", "--now", "2025-03-04T04:00:00Z").status == 0


def test_a_training_while_frozen_registers_and_promotes_nothing(own: Shop) -> None:
    flyball(own.folder, "freeze", "--reason", "audit", "--now", "2025-03-04T00:00:00Z")
    change(own.folder, "n_estimators = 5", "n_estimators = 35")
    said = flyball(own.folder, "train", "--json", "--now", "2025-03-04T01:00:00Z")
    assert said.json["gate"]["verdict"] == "pass"
    assert aliases(own.folder) == {1: ["previous"], 2: ["champion"], 3: [], 4: []}


def test_why_tells_the_story_of_a_version(shop: Shop) -> None:
    story = flyball(shop.folder, "why", f"{MODEL}@2", "--json").json
    assert (story["model"], story["version"], story["gate"]["verdict"]) == (MODEL, 2, "pass")
    assert [check["metric"] for check in story["gate"]["checks"]] == ["roc_auc", "brier", "replay", "untouched"]
    assert [event["action"] for event in story["events"]] == ["registered", "promote"]
    assert all(event["reason"] and event["actor"] for event in story["events"])
    text = flyball(shop.folder, "why", "3").out
    assert "gate fails" in text and shop.third.json["run_id"] in text and shop.third.json["snapshot"] in text


@pytest.mark.parametrize(("version", "status"), [("churn@9", 1), ("other@1", 2), ("churn", 2), ("@0", 2), ("churn@-1", 2)])
def test_a_version_that_does_not_exist_is_told_apart_from_one_that_cannot(shop: Shop, version: str, status: int) -> None:
    for verb in ("why", "promote"):
        said = flyball(shop.folder, verb, version)
        assert said.status == status, (verb, said.err)
        assert "versions" in said.err or "write churn" in said.err


def test_status_says_what_serves_and_what_comes_next(shop: Shop) -> None:
    status = flyball(shop.folder, "status", "--json", "--now", "2025-03-04T00:00:00Z").json
    assert status["model"] == MODEL
    assert status["champion"].startswith("2 since 2025-03-02")
    assert (status["previous"], status["challenger"], status["versions"]) == (1, None, 3)
    assert "champion" in flyball(shop.folder, "status").out


def test_check_says_in_words_what_the_loop_will_do(shop: Shop) -> None:
    said = flyball(shop.folder, "check")
    assert said.status == 0
    assert "roc_auc >= 0.65" in said.out and "is sound" in said.err
    assert flyball(shop.folder, "check", "--json").json["spec"]["model"]["name"] == MODEL


def test_doctor_looks_at_machine_and_project(shop: Shop) -> None:
    said = flyball(shop.folder, "doctor", "--json")
    found = {one["what"]: one["state"] for one in said.json}
    assert said.status == 0, said.out
    assert (found["flyball.toml"], found["database"], found["signing key"]) == ("ok", "ok", "ok")


def test_a_snapshot_is_the_rows_a_training_would_see(own: Shop) -> None:
    said = flyball(own.folder, "snapshot", "--json", "--now", "2025-03-04T00:00:00Z")
    assert said.status == 0
    assert said.json["digest"] == own.third.json["snapshot"]
    assert (own.folder / said.json["path"]).is_file()
    assert (own.folder / (said.json["path"] + ".dvc")).is_file()


def test_predictions_are_traced_by_either_id_and_outcomes_of_a_file_join_them(own: Shop, served: str) -> None:
    with Client(served) as client:
        made = client.predict(CUSTOMER, unit="C1", id="C1", prediction_id="mine", context={"page": "cart"})
        others = client.predict([CUSTOMER, CUSTOMER], id=["C2", "C3"])
        until_logged(client, 3)
    for name in (made["prediction_id"], "mine"):
        chain = flyball(own.folder, "trace", name, "--json")
        assert chain.status == 0, chain.err
        assert chain.json["prediction"]["prediction_id"] == made["prediction_id"]
        assert chain.json["prediction"]["features"] == CUSTOMER
        assert chain.json["registered"]["run_id"] == own.second.json["run_id"]
        assert chain.json["lineage"]["snapshot"] == own.second.json["snapshot"]
        assert chain.json["outcome"] is None
    outcomes = own.folder / "known.csv"
    pd.DataFrame({"id": ["C1", "C2", "nobody"], "actual": [made["prediction"], 0, 1]}).to_csv(outcomes, index=False)
    said = flyball(own.folder, "outcomes", str(outcomes), "--json")
    assert said.status == 0
    assert said.json["accepted"] == 2
    assert [one["prediction_id"] for one in said.json["rejected"]] == ["nobody"]
    assert flyball(own.folder, "outcomes", str(outcomes)).status == 1  # all are known or unknown now
    text = flyball(own.folder, "trace", "mine").out
    assert f"outcome     {made['prediction']!r}" in text and own.second.json["run_id"] in text
    assert "not known yet" in flyball(own.folder, "trace", others["prediction_id"][1]).out
    with Client(served) as client:
        client.log({"features": CUSTOMER, "prediction": 1, "score": 0.7, "version": 40, "prediction_id": "from-afar"})
    elsewhere = flyball(own.folder, "trace", "from-afar")
    assert elsewhere.status == 0 and "churn@40" in elsewhere.out and "made elsewhere" in elsewhere.out
    assert flyball(own.folder, "trace", "from-afar", "--json").json["lineage"] is None
    unknown = flyball(own.folder, "trace", "nothing-of-that-name")
    assert unknown.status == 1
    assert "there is no prediction" in unknown.err


def test_monitor_holds_what_was_asked_against_the_training_data(own: Shop, served: str) -> None:
    usual = pd.read_csv(own.folder / "data" / "customers.csv").head(1200)
    usual["charge_per_tenure"] = usual["monthly_charges"] / (usual["tenure_months"] + 1)
    usual["calls_per_month"] = usual["support_calls"] / (usual["tenure_months"] + 1)
    usual["monthly_charges"] *= 1.5
    dear = json.loads(usual[list(CUSTOMER)].to_json(orient="records"))
    with Client(served) as client:
        client.predict(dear)
        until_logged(client, 1200)
    said = flyball(own.folder, "monitor", "--window", "1d", "--json")
    assert said.status == 0, said.err
    assert {"window", "rows", "columns", "performance", "alerts"} <= set(said.json)
    assert said.json["rows"] == 1200
    columns = said.json["columns"]
    assert set(CUSTOMER) <= set(columns)
    for column in columns.values():
        assert {"state", "distance", "lower", "upper", "threshold", "missing", "reason"} <= set(column)
    assert columns["monthly_charges"]["state"] == "drift"
    assert columns["monthly_charges"]["lower"] > columns["monthly_charges"]["threshold"]
    assert columns["support_calls"]["state"] != "drift"
    assert "monthly_charges" in flyball(own.folder, "monitor", "--window", "1d").out


def test_monitor_before_the_first_champion_says_what_to_do(own: Shop) -> None:
    (own.folder / "flyball.db").unlink()
    said = flyball(own.folder, "monitor")
    assert said.status == 1
    assert "no champion" in said.err and "flyball train" in said.err


def test_every_verb_explains_itself() -> None:
    for verb in VERBS:
        said = flyball(Path(), verb, "--help")
        assert said.status == 0
        assert said.out.startswith("Usage:") and verb in said.out
    everything = flyball(Path(), "--help").out
    assert all(verb in everything for verb in VERBS)


def test_a_process_leaves_with_the_same_status_and_keeps_stdout_for_results(shop: Shop) -> None:
    listed = spawn(shop.folder, "models", "--json")
    assert (listed.status, listed.err) == (0, "")
    assert len(json.loads(listed.out)) == 3
    wrong = spawn(shop.folder, "modles")
    assert (wrong.status, wrong.out) == (2, "")
    assert "did you mean 'models'" in wrong.err
    refused = spawn(shop.folder, "promote", "3")
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith("error:") and "Traceback" not in refused.err
