"""Where a version came from and where it leads: data, run, version, predictions; beside them code, bundle and decisions."""

from urllib.parse import quote

from markupsafe import Markup

from flyball.dashboard.pages.model_parts import cause, manifest_of, roles, run_link
from flyball.dashboard.paper import filled
from flyball.dashboard.records import Ask
from flyball.dashboard.standing import Facts
from flyball.journal.events import Registered
from flyball.journal.known import Known
from flyball.registry.records import Lineage
from flyball.render.report.lineage import Node, graph
from flyball.render.report.text import whole

_EDGES = (
    ("data", "run"),
    ("code", "run"),
    ("run", "version"),
    ("version", "bundle"),
    ("version", "predictions"),
    ("predictions", "decisions"),
)


def lineage(ask: Ask, known: Facts, one: Known) -> Markup:
    """The graph, lying for a wide page and standing for a narrow one, and below it every digest in full."""
    made = one.registered
    manifest, trouble = manifest_of(ask, made)
    found = None if manifest is None else manifest.lineage
    nodes = _nodes(ask, known, one, found)
    title, about = ask.t("model.lineage"), " → ".join(f"{node.title} {node.text}" for node in nodes if node.lane == 0)
    return filled(
        "model_lineage.html",
        ask,
        across=graph(nodes, _EDGES, title=title, about=about, key="lineage"),
        upright=graph(nodes, _EDGES, title=title, about=about, key="lineage-upright", upright=True),
        made=made,
        lineage=found,
        trouble=trouble,
        model_sha256="" if manifest is None else manifest.model_sha256,
    )


def _nodes(ask: Ask, known: Facts, one: Known, found: Lineage | None) -> list[Node]:
    made, version = one.registered, one.registered.version
    state, names = known.state, ", ".join(role.text for role in roles(ask, known.state, version))
    run, mlflow = run_link(ask, made.run_id), ask.links.mlflow.rstrip("/")
    model = f"{mlflow}/#/models/{quote(ask.model, safe='')}/versions/{version}" if mlflow and not made.source else ""
    answered = version in state.champions or version == state.challenger
    return [
        Node(
            key="data",
            step=0,
            lane=0,
            title=ask.t("model.node.data_rows", rows=whole(made.rows)),
            text=made.snapshot[:12] or "-",
            about=ask.t("model.node.data_about", snapshot=made.snapshot or "-", rows=made.rows),
            link="#card",
        ),
        Node(
            key="run",
            step=1,
            lane=0,
            title=f"{ask.t('model.node.run')} · {cause(ask, made)}",
            text=made.run_id[:12] or "-",
            about=ask.t("model.node.run_about", run=made.run_id or "-"),
            link=run or "#story",
        ),
        Node(
            key="version",
            step=2,
            lane=0,
            title=ask.t("model.version") + (f" · {names}" if names else ""),
            text=f"@{version}",
            about=f"@{version} {names}",
            link=model,
            here=True,
        ),
        Node(
            key="predictions",
            step=3,
            lane=0,
            title=ask.t("model.node.predictions"),
            text=ask.t("model.node.answered") if answered else ask.t("model.node.never"),
            about=ask.t("model.node.predictions_about", version=version),
            link=ask.link("prediction", version=version),
        ),
        *_beside(ask, made, found),
    ]


def _beside(ask: Ask, made: Registered, found: Lineage | None) -> list[Node]:
    version = made.version
    return [
        _code(ask, found),
        Node(
            key="bundle",
            step=2,
            lane=1,
            title=f"{ask.t('model.node.bundle')} · {made.engine}",
            text=made.bundle[:12],
            about=ask.t("model.node.bundle_about", bundle=made.bundle, engine=made.engine),
            link="#parity",
        ),
        Node(
            key="decisions",
            step=3,
            lane=1,
            title=ask.t("model.node.decisions"),
            text=ask.t("model.node.decisions_text", version=version),
            about=ask.t("model.node.decisions_about", version=version),
            link=ask.link("decisions", version=version),
        ),
    ]


def _code(ask: Ask, found: Lineage | None) -> Node:
    if found is None:
        text, about = "-", ask.t("model.node.code_unknown")
    elif found.commit:
        dirty = bool(found.dirty_diff_sha256)
        text = found.commit[:8] + (f" {ask.t('model.node.dirty')}" if dirty else "")
        about = ask.t("model.node.code_about", commit=found.commit) + (f" {ask.t('model.node.dirty_about')}" if dirty else "")
    else:
        text, about = found.code_digest[:12] or "-", ask.t("model.node.no_git", digest=found.code_digest or "-")
    return Node(key="code", step=1, lane=1, title=ask.t("model.node.code"), text=text, about=about, link="#card")
