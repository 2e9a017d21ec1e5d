"""`flyball trace PREDICTION_ID`: from one prediction back to version, run, commit and data."""

import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import click
from rich.console import Console

from flyball.cli.frame import as_json, console, project, show_json, told, when
from flyball.loop.past.lineage import Chain, chain_of
from flyball.loop.past.lineage_check import Held, check_chain, holds
from flyball.loop.past.plain import plain_chain
from flyball.settings import Settings
from flyball.spec.records import Spec
from flyball.stores import Stores, open_stores


@click.command()
@click.argument("prediction_id")
@click.option("--verify", is_flag=True, help="Check that it still holds: bundle, answer, run, commit, data. Exit 1 where it does not.")
@as_json
@click.pass_context
def command(ctx: click.Context, prediction_id: str, verify: bool, as_json: bool) -> None:
    """Print the chain of one answer: features, answer, outcome, what was in production, version, run, commit, environment, snapshot.

    Takes the server's id or the client's. With --verify the logged features are scored again by the very bundle that answered, and the
    rows it was trained on are restored.
    """
    settings, spec = project(ctx)
    stores = open_stores(settings)
    stores.predictions.ingest()
    chain = chain_of(prediction_id, stores.predictions, stores.journal, stores.bundles)
    checks = _checked(chain, stores, settings, spec) if verify else None
    if as_json:
        show_json(plain_chain(chain, checks, lambda reason: told(reason, settings)))
    else:
        _show(chain, settings)
        for one in checks or []:
            console().print(f"{one.link:12} {one.verdict.value}: {told(one.reason, settings)}")
    sys.exit(0 if checks is None or holds(checks) else 1)


def _checked(chain: Chain, stores: Stores, settings: Settings, spec: Spec) -> list[Held]:
    from flyball.adapters.git import GitSources
    from flyball.wiring import open_workshop

    workshop = open_workshop(settings, spec, echo=lambda _: None)
    with tempfile.TemporaryDirectory(prefix="flyball-trace-") as folder:
        return check_chain(
            chain,
            bundles=stores.bundles,
            tracker=workshop.tracker,
            snapshots=workshop.snapshots,
            sources=GitSources(settings.folder),
            folder=Path(folder),
        )


def _show(chain: Chain, settings: Settings) -> None:
    out, p = console(), chain.prediction
    out.print(f"prediction {p.prediction_id}" + (f" (client: {p.client_id})" if p.client_id else ""))
    out.print(f"  made        {when(p.made_at)} UTC by worker {p.worker}, event time {when(p.at)} UTC")
    likely = f", which was {p.propensity:.3g} likely for this unit" if p.propensity is not None else ""
    out.print(f"  answer      {p.label!r}, score {p.score}, as {p.variant}{likely}")
    out.print("  features    " + ", ".join(f"{name}={value!r}" for name, value in p.features.items()))
    for name, value in (("id", p.entity), ("unit", p.unit), ("context", dict(p.context))):
        if value:
            out.print(f"  {name:11} {value}")
    out.print(f"  outcome     {_outcome(chain)}")
    _show_production(chain, out, settings)
    out.print(f"version {p.model}@{p.version}")
    if chain.registered is None or chain.registered_at is None:
        out.print("  never registered here: the prediction was made elsewhere, or flyball.db was replaced")
        return
    made = chain.registered
    out.print(f"  registered  {when(chain.registered_at)} UTC, gate {made.gate.verdict.value}, engine {made.engine}")
    out.print(f"  bundle      {chain.bundle}")
    if chain.lineage is None:
        out.print(f"  its manifest cannot be read here: {chain.trouble}")
        out.print(f"  run         {made.run_id}")
        out.print(f"  data        sha256 {made.snapshot}")
        return
    _show_lineage(chain, out)


def _show_lineage(chain: Chain, out: Console) -> None:
    lineage = chain.lineage
    assert lineage is not None
    if chain.model_sha256:
        out.print(f"  model       sha256 {chain.model_sha256} (the MLflow model's folder)")
    out.print(f"  run         {lineage.run_id}")
    out.print(f"  commit      {lineage.commit or 'no git repository'}")
    if lineage.dirty_diff_sha256:
        out.print(f"  changes     not committed then: sha256 {lineage.dirty_diff_sha256}")
        out.print(f"              see them: mlflow artifacts download -r {lineage.run_id} -a flyball/uncommitted.diff")
    out.print(f"  environment sha256 {lineage.environment_sha256}")
    out.print(f"              see it: mlflow artifacts download -r {lineage.run_id} -a flyball/environment.txt")
    out.print(f"  data        sha256 {lineage.snapshot}")
    if lineage.dvc_md5:
        out.print(f"              DVC md5 {lineage.dvc_md5} of {chain.snapshot_path}")
    out.print(f"  trained by  spec {lineage.spec_digest[:12]} (the part that trains), code {lineage.code_digest[:12]}")


def _show_production(chain: Chain, out: Console, settings: Settings) -> None:
    stood = chain.production
    if stood is None:
        return
    champion = f"{chain.prediction.model}@{stood.champion}" if stood.champion is not None else "nothing"
    challenger = f", challenger {stood.challenger} ({stood.challenger_share:.0%})" if stood.challenger is not None else ""
    out.print(f"in production then: {champion}{challenger} (journal entry {stood.seq})")
    if chain.part is not None:
        out.print(f"  part of     {told(chain.part, settings)}")


def _outcome(chain: Chain) -> str:
    if chain.outcome is None:
        return "not known yet"
    late = f", {timedelta(seconds=round(chain.lag.total_seconds()))} after the event time" if chain.lag is not None else ""
    worth = f", worth {chain.outcome.value:g}" if chain.outcome.value is not None else ""
    return f"{chain.outcome.actual!r}, known {when(chain.outcome.at)} UTC{late}{worth}"
