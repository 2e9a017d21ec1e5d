"""`flyball trace PREDICTION_ID`: from one prediction back to version, run, commit and data."""

import click

from flyball.cli.frame import as_json, console, project, show_json, when
from flyball.loop.listing import chain_of
from flyball.wiring import open_stores


@click.command()
@click.argument("prediction_id")
@as_json
@click.pass_context
def command(ctx: click.Context, prediction_id: str, as_json: bool) -> None:
    """Print the chain of one answer: features, answer, outcome, version, run, commit, snapshot. Takes the server's id or the client's."""
    settings, _ = project(ctx)
    stores = open_stores(settings)
    stores.predictions.ingest()
    chain = chain_of(prediction_id, stores.predictions, stores.journal, stores.bundles)
    if as_json:
        show_json(chain)
        return
    out, p = console(), chain.prediction
    out.print(f"prediction {p.prediction_id}" + (f" (client: {p.client_id})" if p.client_id else ""))
    out.print(f"  made        {when(p.made_at)} UTC by worker {p.worker}, event time {when(p.at)} UTC")
    out.print(f"  answer      {p.label!r}, score {p.score}, as {p.variant}")
    out.print("  features    " + ", ".join(f"{name}={value!r}" for name, value in p.features.items()))
    for name, value in (("id", p.entity), ("unit", p.unit), ("context", dict(p.context))):
        if value:
            out.print(f"  {name:11} {value}")
    known = f"{chain.outcome.actual!r}, known {when(chain.outcome.at)} UTC" if chain.outcome else "not known yet"
    out.print(f"  outcome     {known}")
    out.print(f"version {p.model}@{p.version}")
    if chain.registered is None or chain.registered_at is None or chain.lineage is None:
        out.print("  never registered here: the prediction was made elsewhere, or flyball.db was replaced")
        return
    made, lineage = chain.registered, chain.lineage
    out.print(f"  registered  {when(chain.registered_at)} UTC, gate {made.gate.verdict.value}, engine {made.engine}")
    out.print(f"  run         {lineage.run_id}")
    dirty = f" with uncommitted changes {lineage.dirty_diff_sha256[:12]}" if lineage.dirty_diff_sha256 else ""
    out.print(f"  commit      {lineage.commit or 'no git repository'}{dirty}")
    out.print(f"  data        sha256 {lineage.snapshot}")
    if lineage.dvc_md5:
        out.print(f"              dvc md5 {lineage.dvc_md5}")
    out.print(f"  trained by  spec {lineage.spec_digest[:12]} (the part that trains), code {lineage.code_digest[:12]}")
