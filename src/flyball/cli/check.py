"""`flyball check`: what flyball.toml means."""

import ast
import sys
from datetime import datetime

import click

from flyball.alerting.receivers import receiver_name
from flyball.cli.environments import differing, lines, unguarded
from flyball.cli.frame import as_json, at_time, now_option, project, say, show_json, show_table, told
from flyball.core.codec import to_plain
from flyball.core.errors import DataError, SpecError
from flyball.core.schema import did_you_mean
from flyball.core.table import Table
from flyball.core.window import format_duration
from flyball.loop.outlook import Outlook, data_basis, logged_basis, outlook
from flyball.loop.rules import describe_rollout
from flyball.loop.yearly import comparisons_a_year, describe_errors, false_promotions, pinned_alpha
from flyball.settings import Settings, secret
from flyball.spec.load import FILE
from flyball.spec.records import DataSpec, Spec
from flyball.training.code import takes


@click.command()
@now_option
@as_json
@click.pass_context
def command(ctx: click.Context, now: str | None, as_json: bool) -> None:
    """Read flyball.toml, refuse what it cannot mean, and say in plain words what the loop will do.

    It says how many rows and days a comparison will take, from what was logged lately (or, before that, from the rows per day of the data),
    and exits 1 if the rollout could not decide before its deadline. Columns named in the spec are held against the data file where it is
    there and no prepare step makes them. Of every environment ([env.NAME]) it says what differs there.
    """
    settings, spec = project(ctx)
    _functions(spec)
    _receivers(spec)
    _query(spec)
    elsewhere = differing(spec.folder)
    table = _table(spec)
    warnings = [*_warnings(spec), *_starved(spec), *unguarded(spec.folder), *_columns(spec, table)]
    found = look_ahead(settings, spec, table, at_time(now))
    if as_json:
        plain = {key: value for key, value in _plain(spec).items() if key != "folder"}
        refused = None if found.refusal is None else told(found.refusal, settings)
        sentences = [told(one, settings) for one in found.sentences]
        expected = {"sentences": sentences, **found.numbers, **_errors(spec), "refused": refused}
        environments = {
            name: {key: {"here": here, "there": there} for key, (here, there) in found.items()} for name, found in elsewhere.items()
        }
        show_json({"spec": plain, "warnings": warnings, "rollout": expected, "environments": environments})
        sys.exit(0 if refused is None else 1)
    rows = [*_rows(spec), *(("decides", told(one, settings)) for one in found.sentences)]
    rows += [(f"in {name}", lines(differences)) for name, differences in elsewhere.items()]
    show_table(("what", "how"), rows, title=f"{spec.model.name}: {spec.model.task}")
    for warning in warnings:
        say(f"warning: {warning}")
    if found.refusal is not None:
        raise SpecError(f"{FILE}: {told(found.refusal, settings)}")
    say("flyball.toml is sound")


def look_ahead(settings: Settings, spec: Spec, table: Table | None, now: datetime) -> Outlook:
    """What the rollout will take, from the log, else from the data."""
    from flyball.journal.state import empty, fold

    state, basis = empty(spec.model.name), None
    if settings.shared or settings.database.exists():
        from flyball.loop.memory import Memory
        from flyball.stores import open_stores

        stores = open_stores(settings)
        state = fold(spec.model.name, stores.journal.read(spec.model.name))
        basis = logged_basis(stores.predictions, stores.bundles, spec, state, Memory(), now)
    if basis is None and spec.rollout.strategy != "immediate":
        raw = table if table is not None else _raw(spec)
        basis = None if raw is None else data_basis(raw, spec, state)
    return outlook(spec, basis)


def _errors(spec: Spec) -> dict[str, object]:
    """How often live comparisons may be wrong; nothing of what a gate alone promotes."""
    if spec.rollout.strategy == "immediate":
        return {}
    return {
        "comparisons_a_year": comparisons_a_year(spec),
        "alpha": pinned_alpha(spec),
        "false_promotions_a_year": false_promotions(spec),
    }


def _plain(spec: Spec) -> dict[str, object]:
    plain = to_plain({name: getattr(spec, name) for name in spec.__dataclass_fields__ if name != "folder"})
    assert isinstance(plain, dict)
    return plain


def _rows(spec: Spec) -> list[tuple[str, str]]:
    data, retrain = spec.data, spec.retrain
    gate = "; ".join(
        f"{check.metric} >= {check.at_least:g}"
        if check.at_least is not None
        else f"{check.metric} <= {check.at_most:g}"
        if check.at_most is not None
        else f"{check.metric} {'better' if check.better else 'not worse'} than champion (margin {check.margin:g})"
        + (f" in every {check.slice}" if check.slice else " in every slice" if check.slices else "")
        for check in spec.evaluate.gate
    )
    causes = []
    for cause in retrain.on:
        if cause == "schedule" and retrain.every is not None:
            causes.append(f"every {format_duration(retrain.every)}")
        elif cause == "performance" and spec.monitor.floor is None:
            causes.append("performance (no [monitor] floor given: never)")
        else:
            causes.append(cause)
    window = "all rows" if retrain.window is None else f"the last {format_duration(retrain.window)}"
    return [
        (
            "learns from",
            f"{data.source}{_asked(data)}, target {data.target}" + (f", prepared by {', '.join(data.prepare)}" if data.prepare else ""),
        ),
        ("labels count", f"{format_duration(data.matures)} after the event" if data.matures else "as soon as they are known"),
        ("trains with", f"{spec.train.run} {dict(spec.train.params)}"),
        ("holds out", _held_out(spec)),
        ("gate", gate),
        ("rollout", describe_rollout(spec)),
        ("errs", describe_errors(spec)),
        (
            "retrains",
            f"on {', '.join(causes) or 'nothing'}; from {retrain.source}, {window}; at most every {format_duration(retrain.cooldown)}",
        ),
        ("tells", ", ".join(map(receiver_name, spec.alerts.to)) or "nobody: alerts stand in the journal"),
        ("serves at", f"{spec.serve.host}:{spec.serve.port}, {spec.serve.workers} worker(s), log {spec.serve.log}"),
    ]


def _asked(data: DataSpec) -> str:
    return f" asked at {data.connection.removeprefix('env:')}, kept in {data.place}/" if data.connection else ""


def _held_out(spec: Spec) -> str:
    split = spec.evaluate.split
    if split.test_span is not None:
        return f"the last {format_duration(split.test_span)}"
    return f"the newest {split.test:.0%}" if split.by == "time" else f"{split.test:.0%} by {split.by}"


def _warnings(spec: Spec) -> list[str]:
    """What is allowed and probably not meant."""
    found = []
    if "performance" in spec.retrain.on and spec.monitor.floor is None:
        found.append("retrain.on names performance, but there is no [monitor] floor: it will never ask for a training")
    if "performance" in spec.retrain.on and "schedule" not in spec.retrain.on:
        found.append(
            "without a schedule nothing questions a champion that was weak from the start: the floor is measured from its own scores"
        )
    weighed = spec.model.influences_outcome and spec.rollout.holdback > 0 and spec.retrain.source != "source"
    if weighed and spec.train.run and takes(spec.folder, spec.train.run, "sample_weight") is False:
        found.append(
            f"{spec.train.run} takes no sample_weight: once there are rows of the holdback they must weigh more than others, and the "
            "training is refused; add sample_weight=None to its parameters and pass it on to fit"
        )
    return found


def _starved(spec: Spec) -> list[str]:
    """What looks further back than predictions are kept. Rows are compared and scored once their outcomes count, so that comes on top."""
    keep, matures = spec.stores.keep, spec.data.matures
    if keep is None:
        return []
    backward = {"monitor.performance_window": spec.monitor.performance_window + matures}
    if spec.retrain.window is not None and spec.retrain.source != "source":
        backward["retrain.window"] = spec.retrain.window
    if spec.rollout.strategy != "immediate":
        backward["rollout.deadline"] = spec.rollout.deadline + matures
    return [
        f"stores.keep is {format_duration(keep)}, and {name} looks back {format_duration(span)}"
        + (f" ({format_duration(matures)} of them until outcomes count)" if matures and name != "retrain.window" else "")
        + ": the oldest rows are gone by then"
        for name, span in backward.items()
        if keep < span
    ]


def _query(spec: Spec) -> None:
    """Refuse a query that is not there."""
    if spec.data.connection:
        from flyball.adapters.warehouse.fetch import read_query

        read_query(spec)


def _receivers(spec: Spec) -> None:
    """Refuse a receiver whose variable is not set here: it could not be told anything."""
    for number, receiver in enumerate(spec.alerts.to):
        for key in ("url", "user", "password"):
            try:
                secret(getattr(receiver, key))
            except SpecError as error:
                raise SpecError(f"{FILE}: alerts.to[{number}].{key}: {error.message}", hint=error.hint) from None


def _functions(spec: Spec) -> None:
    """Refuse a `module:function` whose module stands in the project and does not have it. Nothing of the project is run."""
    schema = [] if spec.quality.schema is None else [("quality.schema", spec.quality.schema)]
    for key, name in (*(("data.prepare", step) for step in spec.data.prepare), ("train.run", spec.train.run), *schema):
        module, _, function = name.partition(":")
        path = spec.folder / f"{module.replace('.', '/')}.py"
        if not path.is_file():
            continue  # it may be installed
        try:
            body = ast.parse(path.read_text(encoding="utf-8")).body
        except (SyntaxError, ValueError) as error:
            raise SpecError(f"{FILE}: {key} = {name!r}, but {path.name} cannot be read: {error}", hint="correct the file") from None
        there = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
        loose = any(isinstance(node, ast.Import | ast.ImportFrom | ast.Assign) and function in ast.unparse(node) for node in body)
        if function not in there and not loose:
            raise SpecError(
                f"{FILE}: {key} = {name!r}, but {path.name} has no {function}{did_you_mean(function, there)}",
                hint=f"functions there: {', '.join(sorted(there)) or 'none'}",
            )


def _table(spec: Spec) -> Table | None:
    """The rows of the data, where they are a file that no step prepares."""
    path = spec.folder / spec.data.place
    if not path.exists() or spec.data.prepare or (path.is_dir() and not spec.data.connection):
        return None
    from flyball.adapters.pandas.frames import load_table
    from flyball.data.source import time_columns

    return load_table(path, times=time_columns(spec.data)).table


def _raw(spec: Spec) -> Table | None:
    """The rows before any step prepares them; None if they cannot be read: `train` says why."""
    path = spec.folder / spec.data.place
    if not path.exists():
        return None
    from flyball.adapters.pandas.frames import load_table
    from flyball.data.source import time_columns

    try:
        return load_table(path, times=time_columns(spec.data)).table
    except DataError:
        return None


def _columns(spec: Spec, table: Table | None) -> list[str]:
    """Hold the named columns against the header of the data, when there is one to look at."""
    if not (spec.folder / spec.data.place).exists():
        if spec.data.connection:
            return [f"{spec.data.source} was not asked yet: `flyball snapshot` does"]
        return [f"there is no {spec.data.source} in {spec.folder.name}/ yet"]
    if table is None:
        return []
    from flyball.data.source import feature_names, require_columns

    require_columns(table, spec.data.roles, "flyball.toml")
    require_columns(table, spec.evaluate.slices, "evaluate.slices")
    require_columns(table, spec.quality.expect, "quality.expect")
    feature_names(table, spec.data)
    return []
