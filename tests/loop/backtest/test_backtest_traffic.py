"""Traffic in a replay: every row is answered, logged and weighed as a server's own assignment would have it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flyball.adapters.replay.benches import ReplayBenches
from flyball.core.window import Window, from_micros
from flyball.data.source import Prepared
from flyball.journal.events import Promoted, RolloutStarted
from flyball.journal.moves import ShareMoved
from flyball.journal.state import fold
from flyball.loop.backtest.bench import Bench
from flyball.loop.backtest.front import split_of
from flyball.loop.backtest.policies import policy_of, read_policies
from flyball.loop.backtest.records import ByHand, Plan, Played, Request, Stream
from flyball.loop.backtest.replay import play
from flyball.loop.deploy import deployment_of
from flyball.registry.bundle import read_manifest
from flyball.serving.engine import load_engine
from flyball.serving.records import LoggedRows
from flyball.serving.traffic import HOLDBACK, OVERRIDE, answer_propensity, choose
from flyball.spec.load import load_spec
from flyball.spec.records import Spec
from flyball.words.sentences import sentence
from quarter import DAY, FIRST, PIPELINE, SPEC
from replayed import benches, history, plan, replayed, town

DAYS = 14
WITH_UNITS = SPEC.replace('id = "customer"\n', 'id = "customer"\nunit = "home"\n').replace("margin = 0.005", "margin = 0.1")
CANARY = WITH_UNITS.replace(
    'strategy = "shadow"', 'strategy = "canary"\nsteps = [0.05, 0.3]\nhold = "2d"\noverrides = { h3 = "challenger" }'
)
SHAPED = WITH_UNITS.replace('task = "binary"', 'task = "binary"\ninfluences_outcome = true')
EXPERIMENT = SHAPED.replace(
    'strategy = "shadow"', 'strategy = "experiment"\nshare = 0.3\nholdback = 0.2\noverrides = { h3 = "challenger", h4 = "champion" }'
)
BANDIT = WITH_UNITS.replace('strategy = "shadow"', 'strategy = "bandit"\nsteps = [0.2]\nfloor = 0.1')


class Kept:
    """The port `Benches`, which keeps what it opened."""

    def __init__(self, opened: ReplayBenches) -> None:
        self._opened = opened
        self.bench: Bench
        self.stream: Stream

    def history(self, spec: Spec) -> Prepared:
        return self._opened.history(spec)

    def open(self, name: str, spec: Spec, plan: Plan, prepared: Prepared, stream: Stream) -> Bench:
        self.bench, self.stream = self._opened.open(name, spec, plan, prepared, stream), stream
        return self.bench


def homes() -> pd.DataFrame:
    """Customers live in homes, some of them nobody knows where; what they were worth is known of some."""
    rows = history(days=DAYS)
    number = np.arange(len(rows))
    rows["home"] = [None if one % 11 == 0 else f"h{one % 60}" for one in number]
    rows["value"] = np.where(number % 3 == 0, np.nan, number / 10)
    return rows


def run(tmp_path: Path, text: str) -> tuple[Played, Kept, Spec]:
    """A replay in which a colleague trains on the second day."""
    spec = town(tmp_path / "town", homes(), text=text)
    weighed = PIPELINE.replace("flip=False)", "flip=False, sample_weight=None)").replace("else target)", "else target, sample_weight)")
    (tmp_path / "town" / "quarter_pipeline.py").write_text(weighed)  # rows of a holdback weigh more than others
    asked = replace(plan(DAYS), by_hand=(ByHand(at=FIRST + 2 * DAY, actor="colleague"),))
    policy = policy_of(read_policies(["spec"])[0], text, load_spec(tmp_path / "town"), asked)
    with benches(tmp_path / "town", tmp_path / "scratch") as opened:
        kept = Kept(opened)
        return play(kept, asked, policy, lambda _: None), kept, spec


def served(played: Played, kept: Kept, spec: Spec) -> dict[str, tuple[int, str, float | None, object, float]]:
    """By the id of each row: version, variant, propensity, label and score, asked row by row of the server's own functions."""
    found: dict[str, tuple[int, str, float | None, object, float]] = {}
    split, stream = split_of(spec), kept.stream
    known = [[entry for entry in played.entries if entry.at <= FIRST + day * DAY] for day in range(DAYS)]
    deployments = [deployment_of(fold("town", entries)) for entries in known]
    engines = {}
    for row in range(len(stream)):
        deployment = deployments[(from_micros(int(stream.at[row])) - FIRST) // DAY]
        chosen = choose(deployment, split, stream.unit[row], stream.ids[row])
        version = deployment.challenger if chosen.variant == "challenger" else deployment.champion
        version = version or deployment.champion  # a tester of a challenger that is not there
        assert version is not None
        if version not in engines:
            path = kept.bench.world.bundles.path(deployment.bundles[version])
            manifest = read_manifest(path, deployment.bundles[version])
            engines[version] = manifest, load_engine(path, manifest)
        manifest, engine = engines[version]
        score = engine.score_one([float(stream.features[name][row]) for name in manifest.schema.names])
        acts = score >= manifest.threshold
        label = manifest.classes[int(acts and chosen.logged != HOLDBACK)]
        found[stream.ids[row]] = version, chosen.logged, answer_propensity(chosen.logged, chosen.propensity, split, acts=acts), label, score
    return found


def logged(kept: Kept, version: int, *, compared: bool = False) -> LoggedRows:
    whole = Window(start=FIRST, end=FIRST + DAYS * DAY)
    return kept.bench.world.predictions.rows("town", version, whole, compared=compared, arms=True)


@pytest.mark.parametrize(("text", "variants"), [(CANARY, {OVERRIDE}), (EXPERIMENT, {OVERRIDE, HOLDBACK}), (BANDIT, set())])
def test_rows_are_logged_as_the_server_chooses_one_by_one(tmp_path: Path, text: str, variants: set[str]) -> None:
    played, kept, spec = run(tmp_path, text)
    started = [entry.event for entry in played.entries if isinstance(entry.event, RolloutStarted)]
    assert [one.strategy for one in started][:1] == [spec.rollout.strategy]
    wanted, seen = served(played, kept, spec), set()
    for version in np.unique(played.version).tolist():
        rows = logged(kept, version)
        assert rows.variant is not None and rows.propensity is not None
        for place, name in enumerate(rows.prediction_id.tolist()):
            if rows.variant[place] == "shadow":
                continue
            by, variant, propensity, label, score = wanted[name]
            assert (version, rows.variant[place], rows.label[place]) == (by, variant, label)
            assert rows.score[place] == pytest.approx(score, abs=1e-7)
            assert rows.propensity[place] == pytest.approx(np.nan if propensity is None else propensity, nan_ok=True)
            seen.add(name)
    assert seen == set(wanted)
    assert {variant for _, variant, *_ in wanted.values()} == {"champion", "challenger"} | variants


def test_the_shares_of_a_canary_grow_and_the_units_of_a_smaller_share_stay(tmp_path: Path) -> None:
    played, kept, _ = run(tmp_path, CANARY)
    moved = [entry for entry in played.entries if isinstance(entry.event, ShareMoved)]
    assert moved and isinstance(moved[0].event, ShareMoved) and moved[0].event.share == 0.3
    over = next((entry.at for entry in played.entries[2:] if isinstance(entry.event, Promoted)), FIRST + DAYS * DAY)
    rows = logged(kept, 2)
    assert rows.variant is not None
    arm = rows.take((rows.variant == "challenger") & (rows.at < over.timestamp() * 1e6))
    early = arm.at < moved[0].at.timestamp() * 1e6
    first, later = (set(arm.unit[side].tolist()) - {None} for side in (early, ~early))
    assert first and first < later


def test_units_that_are_held_back_or_pinned_are_in_no_comparison(tmp_path: Path) -> None:
    _, kept, _ = run(tmp_path, EXPERIMENT)
    rows, fewer = logged(kept, 1), logged(kept, 1, compared=True)
    assert rows.variant is not None and fewer.variant is not None
    assert {HOLDBACK, OVERRIDE} <= set(rows.variant.tolist())
    assert set(fewer.variant.tolist()) == {"champion"}
    assert len(fewer.at) == np.count_nonzero(rows.variant == "champion")


def test_what_outcomes_were_worth_comes_with_them(tmp_path: Path) -> None:
    played, kept, _ = run(tmp_path, CANARY)
    rows = kept.bench.world.predictions.labelled("town", known_by=FIRST + DAYS * DAY)
    assert rows.value is not None
    truth = homes().set_index("customer")["value"]
    np.testing.assert_array_equal(rows.value, truth[rows.entity.tolist()].to_numpy())
    assert played.unanswered == 0


def test_where_answers_change_what_happens_the_report_says_what_it_cannot_know(tmp_path: Path) -> None:
    valued = EXPERIMENT.replace('metric = "brier"\ndeadline', 'metric = "value"\ndeadline')
    town(tmp_path / "town", homes(), text=valued)
    found = replayed(tmp_path / "town", tmp_path / "scratch", Request(policies=("never",), start=FIRST, end=FIRST + 2 * DAY))
    assert [one.code for one in found.warnings] == ["backtest.influences"]
    assert "not what it would gain" in sentence(found.warnings[0])
    assert (load_spec(tmp_path / "town").rollout.metric, found.metric) == ("value", "roc_auc")
