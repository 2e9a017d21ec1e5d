"""What flyball.toml may say, and how everything else is refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from flyball.core.errors import SpecError
from flyball.spec.load import load_spec, parse_spec
from flyball.spec.records import Spec

MINIMAL = """
[model]
name = "churn"
task = "binary"
[data]
source = "data/customers.csv"
target = "churned"
[train]
run = "pipeline:train"
"""


def spec(*lines: str, base: str = MINIMAL) -> Spec:
    return parse_spec(base + "\n".join(lines), folder=Path("project"))


def refused(*lines: str, base: str = MINIMAL) -> str:
    with pytest.raises(SpecError) as caught:
        spec(*lines, base=base)
    assert caught.value.hint, "every refusal says what to write instead"
    return str(caught.value)


@pytest.mark.parametrize(
    "lines",
    [
        ("[monitor]", 'window = "99999999999d"'),
        ("[monitor]", 'window = "900000d"'),
        ("[rollout]", 'deadline = "99999999999999d"'),
        ("[monitor]", 'floor = { metric = "brier", drop = inf }'),
        ("[quality]", "expect = { x = { max = inf } }"),
        ("[quality]", "expect = { x = { values = [nan] } }"),
        ("[retrain]", "min_outcomes = 99999999999999999999999"),
    ],
)
def test_numbers_that_no_digest_can_hold_and_spans_beyond_all_times_are_refused(lines: tuple[str, str]) -> None:
    assert lines[1].partition(" =")[0] in refused(*lines)


@pytest.mark.parametrize("number", ["inf", "nan", "99999999999999999999"])
def test_parameters_that_no_digest_can_hold_are_refused(number: str) -> None:
    assert "train.params.a" in refused(f"params = {{ a = {number} }}")


def test_three_sections_are_enough_and_the_rest_has_defaults() -> None:
    found = spec()
    assert found.evaluate.metrics == ("roc_auc", "brier", "accuracy", "f1")
    assert found.evaluate.split.by == "rows"
    assert found.serve.host == "127.0.0.1"
    assert found.rollout.strategy == "shadow"
    assert [check.metric for check in found.evaluate.gate] == ["roc_auc", "brier"]


def test_the_whole_contract_is_read() -> None:
    found = spec(
        '[evaluate]\nmetrics = ["roc_auc"]\nsplit = { by = "time", test = 0.1 }\nslices = ["plan"]',
        'gate = [ { metric = "roc_auc", at_least = 0.6 }, { metric = "brier", not_worse = "champion", margin = 0.002 } ]',
        '[serve]\naddress = "127.0.0.1:9000"\nworkers = 2\nlog = "required"\nunseen = "refuse"',
        '[rollout]\nstrategy = "immediate"\ndeadline = "28d"',
        '[monitor]\nwindow = "7d"\nfloor = { metric = "brier", drop = 0.02 }',
        '[retrain]\non = ["schedule", "drift"]\nfrom = "source+log"\nwindow = "90d"\nevery = "30d"\ncooldown = "3d"\nmin_outcomes = 5',
        base=MINIMAL.replace('target = "churned"', 'target = "churned"\ntime = "seen_at"\nmatures = "30d"\nprepare = "pipeline:prepare"'),
    )
    assert found.serve.port == 9000
    assert found.retrain.window == timedelta(days=90)
    assert found.retrain.on == ("drift", "schedule")
    assert found.evaluate.metrics == ("roc_auc", "brier"), "what the gate asks about is evaluated"
    assert found.data.prepare == ("pipeline:prepare",)


def test_the_digest_is_of_the_meaning_not_of_the_layout() -> None:
    assert spec().digest == spec("# a remark").digest
    assert spec().digest == spec("[serve]\nworkers = 1").digest
    assert spec().digest != spec("[serve]\nworkers = 2").digest


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("[serve]\nworker = 2", "unknown key serve.worker; did you mean 'workers'?"),
        ("[monitr]\nwindow = 1", "unknown section [monitr]; did you mean 'monitor'?"),
        ('[rollout]\nstrategy = "shadw"', "did you mean 'shadow'?"),
        ('[rollout]\nmetric = "roc_auc"', "rollout.metric"),
        ('[evaluate]\nmetrics = ["rocauc"]', "evaluate.metrics: there is no metric 'rocauc'; did you mean 'roc_auc'?"),
        ('[evaluate]\nmetrics = ["rmse"]', "does not fit task 'binary'"),
        ('[evaluate]\ngate = [ { metric = "brier" } ]', "evaluate.gate[0] has 0 of at_least"),
        ('[evaluate]\ngate = [ { metric = "brier", not_worse = "champon" } ]', "did you mean 'champion'?"),
        ('[evaluate]\nsplit = { by = "time" }', "evaluate.split.by"),
        ('[serve]\naddress = "8000"', 'write "127.0.0.1:8000"'),
        ("[serve]\nworkers = 0", "a whole number of at least 1"),
        ('[monitor]\nwindow = "1 month"', 'a span such as "24h"'),
        ('[retrain]\nevery = "0s"\n', "retrain.every"),
        ('[retrain]\non = ["schedule"]', "retrain.every is missing"),
        ('[retrain]\nwindow = "30d"', "retrain.window needs data.time"),
        ('[retrain]\nwindow = "since_change"', "retrain.window needs data.time"),
        ('[retrain]\non = ["drif"]', "did you mean 'drift'?"),
        ("[serve]\nworkers = true", "serve.workers = true"),
        ("[serve\n", "is not TOML"),
    ],
)
def test_what_cannot_be_is_refused_with_place_and_remedy(lines: str, said: str) -> None:
    assert said in refused(lines)


def test_a_missing_key_names_its_section() -> None:
    assert "[data] target is missing" in refused(base=MINIMAL.replace('target = "churned"', ""))
    assert "section [train] is missing" in refused(base=MINIMAL.split("[train]")[0])


def test_a_feature_that_is_the_target_is_refused() -> None:
    assert "data.features lists 'churned'" in refused(base=MINIMAL.replace("[train]", 'features = ["age", "churned"]\n[train]'))


def test_a_model_that_shapes_its_outcomes_cannot_be_judged_in_shadow() -> None:
    base = MINIMAL.replace('task = "binary"', 'task = "binary"\ninfluences_outcome = true')
    assert "cannot judge a model" in refused('[rollout]\nstrategy = "shadow"', base=base)
    assert spec(base=base).rollout.strategy == "experiment"


def test_what_the_floor_asks_about_is_evaluated() -> None:
    found = spec('[evaluate]\nmetrics = ["roc_auc"]\n[monitor]\nfloor = { metric = "log_loss", drop = 0.1 }')
    assert found.evaluate.metrics == ("roc_auc", "brier", "log_loss")


def test_a_comparison_that_cannot_be_decided_before_its_deadline_is_refused() -> None:
    slow = MINIMAL.replace('target = "churned"', 'target = "churned"\nmatures = "30d"')
    said = refused('[rollout]\ndeadline = "36d"', base=slow)
    assert "have matured after 37d" in said
    assert 'write deadline = "44d"' in said
    assert spec('[rollout]\ndeadline = "37d"', base=slow).rollout.deadline == timedelta(days=37)
    assert spec('[rollout]\ndeadline = "1d"\nstrategy = "immediate"', base=slow).rollout.deadline == timedelta(days=1)
    assert spec(base=slow).rollout.deadline == timedelta(days=44)
    assert spec().rollout.deadline == timedelta(days=14)
    assert "min_days" in refused("[rollout]\nmin_days = 20\ndeadline = '14d'")


def test_predictions_mature_also_where_the_rows_have_no_time() -> None:
    assert spec(base=MINIMAL.replace('target = "churned"', 'target = "churned"\nmatures = "2d"')).data.matures == timedelta(days=2)
    assert "outcome_time needs data.time" in refused(base=MINIMAL.replace('target = "churned"', 'target = "churned"\noutcome_time = "o"'))


def test_no_outcome_means_no_only_where_there_is_a_no_and_a_time_for_it() -> None:
    silent = MINIMAL.replace('target = "churned"', 'target = "churned"\nmatures = "2d"\nno_outcome = "negative"')
    assert spec(base=silent).data.no_outcome == "negative"
    for task in ("multiclass", "regression"):
        assert 'belongs to task = "binary"' in refused(base=silent.replace('"binary"', f'"{task}"'))
    assert "needs data.matures" in refused(base=silent.replace('matures = "2d"\n', ""))


def test_costs_give_the_threshold() -> None:
    base = MINIMAL.replace('task = "binary"', 'task = "binary"\ncosts = { false_positive = 1, false_negative = 4 }')
    assert spec(base=base).model.cut == pytest.approx(0.2)
    both = base.replace("costs", "threshold = 0.3\ncosts")
    assert "exclude each other" in refused(base=both)


def test_a_folder_without_a_spec_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"there is no flyball\.toml"):
        load_spec(tmp_path)


def test_a_spec_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flyball.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match="cannot be read"):
        load_spec(tmp_path)
