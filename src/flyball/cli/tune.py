"""`flyball tune`: search for the best parameters of the training."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flyball.adapters.engines import LOCAL, open_mapper, read_engine
from flyball.cli.frame import as_json, at_time, console, now_option, on_option, project, say, show_json, show_table, span
from flyball.core.errors import RefusedError, UnsupportedError, UsageError
from flyball.settings import Settings, secret
from flyball.spec.records import Param, Spec

if TYPE_CHECKING:
    from flyball.loop.tuning.records import TuneReport, TuneRequest, TuneRows
    from flyball.ports.searching import Study, Tried

_SHOWN = 10


@click.command()
@click.option("--trials", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many in all, with earlier ones.")
@click.option("--for", "length", default=None, metavar="SPAN", help="Begin no trial after so long, such as 30m.")
@click.option("--metric", default=None, metavar="NAME", help="What is to be best (default: the first of [evaluate] metrics).")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="The same seed proposes the same.")
@click.option("--at-once", type=click.IntRange(1, 1000), default=4, show_default=True, help="Trials proposed together, before any is told.")
@click.option("--processes", type=click.IntRange(1), default=None, metavar="N", help="Trials at a time (default: one for each core).")
@click.option(
    "--storage", default=None, metavar="URL", help="Where trials are kept: a database's address, or env:NAME (default: in .flyball)."
)
@click.option("--write", is_flag=True, help="Write the best into [train] params of flyball.toml.")
@on_option
@now_option
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    trials: int,
    length: str | None,
    metric: str | None,
    seed: int,
    at_once: int,
    processes: int | None,
    storage: str | None,
    write: bool,
    on: str,
    now: str | None,
    as_json: bool,
) -> None:
    """Search [train.search] for the parameters that train the best model, and print them.

    Every trial is a training of its own, which nobody registers. It learns from a part of the rows a training would learn from and is
    judged on the rest of them, split by the rule of [evaluate] split. The rows that rule holds out, and the untouched ones, are in no file
    a trial can read, so the gate that judges the next training has not been searched on.

    The same command goes on where an interrupted one stood. Nothing is written unless --write says so.

    \b
    flyball tune --trials 40                      forty trials here
    flyball tune --for 30m --on dask              as many rounds as begin within half an hour, on two or more processes
    flyball tune --trials 200 --on ray:auto --write
    """
    from flyball.loop.tuning.records import TuneRequest
    from flyball.stats.scores import metric_for

    read_engine(on)
    settings, spec = project(ctx)
    if write and settings.environment:
        raise UsageError("--write writes what holds in every environment", hint="leave --env out, or write the parameters by hand")
    chosen = metric or spec.evaluate.metrics[0]
    request = TuneRequest(
        metric=chosen,
        direction=metric_for(chosen, spec.model.task).direction,
        trials=trials,
        length=span("--for", length),
        seed=seed,
        at_once=at_once,
    )
    report = _tuned(settings, spec, request, storage=storage, on=on, processes=processes, now=at_time(now))
    written = write and report.best is not None
    if written and report.best is not None:
        write_params(settings.folder / "flyball.toml", report.best.params)
    if as_json:
        show_json({**plain(report), "written": written})
    else:
        show(report)
    if written:
        say("flyball.toml has the best parameters now; `flyball train` makes a version with them")


def _tuned(
    settings: Settings, spec: Spec, request: TuneRequest, *, storage: str | None, on: str, processes: int | None, now: datetime
) -> TuneReport:
    from dataclasses import replace

    from flyball.adapters.child.trainer import open_scratch_trainer
    from flyball.loop.tuning.tune import search_rows, tune
    from flyball.stores import wall_clock
    from flyball.wiring import open_workshop

    if request.metric not in spec.evaluate.metrics:
        spec = replace(spec, evaluate=replace(spec.evaluate, metrics=(*spec.evaluate.metrics, request.metric)))
    folder = settings.state / "tune"
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / "lock") if storage is None else nullcontext(), tempfile.TemporaryDirectory(prefix="search-", dir=folder) as made:
        scratch = Path(made)
        rows = search_rows(spec, open_workshop(settings, spec, echo=say), scratch, now=now, progress=say)
        most = 1 if on == LOCAL and request.at_once == 1 else processes
        study = _study(settings, spec, rows, request, storage)
        with closing(study), open_mapper(on, settings.state, processes=most) as mapper:
            return tune(
                spec,
                rows,
                request,
                study=study,
                mapper=mapper,
                open_trainer=partial(open_scratch_trainer, settings.folder, spec.model.name),
                scratch=scratch,
                clock=wall_clock,
                say=say,
            )


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Alone among the searches that are kept in this folder; RefusedError if another one runs."""
    try:
        import fcntl
    except ImportError:  # Windows: two searches at once then try some parameters twice
        yield
        return
    with lock.open("a") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(
                "another search runs in this folder", hint="wait for its end; the same command then goes on from there"
            ) from None
        yield


def _study(settings: Settings, spec: Spec, rows: TuneRows, request: TuneRequest, storage: str | None) -> Study:
    from flyball.loop.tuning.tune import search_name

    try:
        made = import_module("flyball.adapters.optuna.study").OptunaStudy
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "optuna":
            raise
        raise UnsupportedError("a search needs optuna, which is not installed", hint="pip install 'flyball[tune]'") from None
    where = secret(storage) if storage else f"sqlite:///{settings.state / 'tune' / 'trials.db'}"
    study: Study = made(where, search_name(spec, rows, request), spec.search, direction=request.direction, seed=request.seed)
    return study


def write_params(path: Path, params: Mapping[str, Param]) -> None:
    """Set keys of [train] params in a spec, which otherwise stays as it is written."""
    import tomlkit

    text = path.read_text(encoding="utf-8")
    document: Any = tomlkit.parse(text)
    train = document["train"]
    if "params" not in train:
        train["params"] = tomlkit.inline_table()
    for name, value in params.items():
        train["params"][name] = value
    changed = tomlkit.dumps(document)
    wanted: dict[str, Any] = tomllib.loads(text)
    wanted["train"]["params"] = {**wanted["train"].get("params", {}), **params}
    if tomllib.loads(changed) != wanted:  # a layout that the library cannot change without changing more
        raise RefusedError(f"{path.name} writes [train] in a way that cannot be changed here", hint="write the parameters by hand")
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(changed, encoding="utf-8")
    fresh.replace(path)


def plain(report: TuneReport) -> dict[str, object]:
    """A report as `--json` prints it."""
    return {
        "model": report.model,
        "search": report.search,
        "metric": report.metric,
        "direction": report.direction,
        "best": None if report.best is None else _plain(report.best),
        "params": dict(report.params),
        "before": None if report.before is None else _plain(report.before),
        "gain": report.gain,
        "trials": [_plain(one) for one in report.trials],
        "failed": sum(one.value is None for one in report.trials),
        "earlier": report.earlier,
        "train_rows": report.train_rows,
        "judged_rows": report.judged_rows,
        "seconds": round(report.seconds, 3),
    }


def show(report: TuneReport) -> None:
    """Print a report for people."""
    better = sorted((one for one in report.trials if one.value is not None), key=lambda one: one.value or 0.0)
    if report.direction == "higher":
        better.reverse()
    names = list(report.space)
    rows = [[one.number, one.value, *(one.params[name] for name in names), f"{one.seconds:.1f}"] for one in better[:_SHOWN]]
    show_table(["trial", report.metric, *names, "seconds"], rows, title=f"{report.model}: the best of {len(report.trials)} trials")
    failed = sum(one.value is None for one in report.trials)
    if failed:
        say(f"{failed} trials could not be trained")
    if report.before is not None and report.before.value is not None:
        gain = "" if report.gain is None else f"; the best is {'better' if report.gain > 0 else 'worse'} by {abs(report.gain):.4f}"
        console().print(f"the spec's own parameters: {report.metric} {report.before.value:.4f}{gain}")
    if report.best is not None:
        shown = ", ".join(f"{name} = {_toml(value)}" for name, value in report.params.items())
        console().print(f"params = {{ {shown} }}")
    console().print(
        f"judged on {report.judged_rows} rows that did not train; the best of many is luckier than it is good: the gate of the next "
        "training decides on rows no trial saw"
    )


def _plain(one: Tried) -> dict[str, object]:
    return {
        "number": one.number,
        "value": one.value,
        "params": dict(one.params),
        "metrics": dict(one.metrics or {}),
        "error": one.error,
        "seconds": one.seconds,
    }


def _toml(value: Param) -> str:
    import tomlkit

    return tomlkit.item(value).as_string()
