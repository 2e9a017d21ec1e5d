"""A search for parameters: proposals in rounds, each tried by a training of its own on rows that no evaluation will ever see."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from flyball.core.codec import to_plain
from flyball.core.digest import sha256_json
from flyball.core.errors import DataError, SpecError
from flyball.data.snapshot import Rows
from flyball.data.source import infer_schema
from flyball.data.split import split_rows
from flyball.loop.making.gather import gather
from flyball.loop.making.workshop import Workshop
from flyball.loop.tuning.records import TuneReport, TuneRequest, TuneRows
from flyball.loop.tuning.trial import BEFORE, Bench, first_error, run_trial
from flyball.ports.mapping import Mapper
from flyball.ports.searching import Proposal, Study, Tried
from flyball.ports.training import Trainer
from flyball.spec.records import Spec, SplitSpec
from flyball.training.code import code_digest, training_code
from flyball.training.identity import training_digest

Say = Callable[[str], None]


def search_rows(spec: Spec, workshop: Workshop, folder: Path, *, now: datetime, progress: Say) -> TuneRows:
    """The rows of a search, written to a file in the folder. SpecError without a space; DataError where the training rows are too few."""
    if not spec.search:
        raise SpecError(
            "flyball.toml says nothing of what to search",
            hint="add [train.search] with the parameters, such as n_estimators = { low = 50, high = 400 }",
        )
    if spec.train.external is not None:
        raise SpecError("another system trains (train.external), which cannot try parameters", hint="search where it trains")
    try:
        gathered = gather(spec, workshop, now=now, progress=progress)
        table = gathered.rows.table.take(gathered.split.train)
        rows = Rows(table=table, features=gathered.rows.features, booleans=gathered.rows.booleans, logged=0)
        try:
            split = split_rows(table, spec.data, inner_rule(spec.evaluate.split))
        except DataError as error:
            raise DataError(f"the training rows cannot be split once more: {error.message}", hint=error.hint) from None
        path, digest = workshop.snapshots.write(table, rows.booleans, folder)
    finally:
        workshop.trainer.close()
    schema = infer_schema(table, rows.features, booleans=rows.booleans)
    progress(f"search: {len(split.train)} rows train, {len(split.test)} judge, {gathered.rows.table.rows - table.rows} are not looked at")
    return TuneRows(rows=rows, schema=schema, split=split, weight=gathered.weight, digest=digest, path=path)


def inner_rule(rule: SplitSpec) -> SplitSpec:
    """The rule that splits the training rows again: the same, and where a hash chooses, by other lots than those of the held-out rows."""
    return replace(rule, seed=rule.seed + 1)


def search_name(spec: Spec, rows: TuneRows, request: TuneRequest) -> str:
    """What a search is called: another one when rows, code, space, the spec's training, metric, seed or rounds are others."""
    told = [
        training_digest(spec),
        rows.digest,
        code_digest(training_code(spec)),
        to_plain(dict(spec.search)),
        request.metric,
        request.seed,
        request.at_once,
    ]
    return f"{spec.model.name}-{sha256_json(told)[:16]}"


def tune(
    spec: Spec,
    rows: TuneRows,
    request: TuneRequest,
    *,
    study: Study,
    mapper: Mapper,
    open_trainer: Callable[[Path], Trainer],
    scratch: Path,
    clock: Callable[[], datetime],
    say: Say,
) -> TuneReport:
    """Try what the study proposes, `at_once` at a time, until there are enough trials or the time is up.

    Trials of one round do not know of each other, so that the same seed proposes the same, on whichever engine and however often the
    search was interrupted. UserCodeError if not one trial could be trained.
    """
    began = clock()
    bench = Bench(spec=spec, rows=rows, metric=request.metric, scratch=scratch, open_trainer=open_trainer)
    work = partial(run_trial, bench)
    earlier = len(study.tried())
    if earlier:
        say(f"search: goes on after {earlier} trials")
    own = Proposal(number=BEFORE, params={})
    before: Tried | None = None
    while before is None or _goes_on(study, request, clock() - began):
        proposals = _round(study, request) if _goes_on(study, request, clock() - began) else []
        results = mapper.each(work, proposals if before is not None else [own, *proposals], say=say)
        for tried in results:
            if tried.number == BEFORE:
                before = tried
            else:
                study.tell(tried)
    trials = sorted(study.tried(), key=lambda one: one.number)
    best = best_of(trials, request.direction)
    if best is None and trials:
        raise first_error(trials[0].error)
    return TuneReport(
        model=spec.model.name,
        search=search_name(spec, rows, request),
        metric=request.metric,
        direction=request.direction,
        space=spec.search,
        params={**spec.train.params, **(best.params if best is not None else {})},
        before=before,
        best=best,
        trials=trials,
        earlier=earlier,
        train_rows=len(rows.split.train),
        judged_rows=len(rows.split.test),
        seconds=(clock() - began).total_seconds(),
    )


def best_of(trials: Sequence[Tried], direction: str) -> Tried | None:
    """The best that could be trained; of equal ones the first."""
    sign = -1.0 if direction == "higher" else 1.0
    told = [one for one in trials if one.value is not None and math.isfinite(one.value)]
    return min(told, key=lambda one: (sign * (one.value or 0.0), one.number), default=None)


def _goes_on(study: Study, request: TuneRequest, spent: timedelta) -> bool:
    return len(study.tried()) < request.trials and (request.length is None or spent < request.length)


def _round(study: Study, request: TuneRequest) -> list[Proposal]:
    """What was proposed and never told; else new proposals, up to the end of this round or of the search."""
    left = study.open()
    if left:
        return left
    done = len(study.tried())
    return [study.propose() for _ in range(min(request.at_once - done % request.at_once, request.trials - done))]
