"""Batch scoring: parts of a file are checked, answered, written and logged one by one, and a job that was killed goes on where it stood.

A part is done when its piece of the output, its rows for the log and its state are written, in this order; parts become done in the
order of the file. Whatever happens before, the part is made again, and its prediction ids, which follow from its bytes, its rows and the
deployment, are the same again: the log takes each once. The output gets its name when it is whole.
"""

import fcntl
import shutil
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from flyball.core.codec import from_json, to_json, to_plain
from flyball.core.digest import sha256_json
from flyball.core.errors import ConflictError, DataError, FlyballError, RefusedError
from flyball.loop.batch.part import WORKER, BatchOrder, Made, add_up, make, segment_name
from flyball.loop.batch.report import BadRow, BatchReport, Done, Job, Progress, beginning, write_skipped
from flyball.loop.batch.spread import MadePart, Spread, made_elsewhere
from flyball.loop.parts import Cut, Place, RowSink


def run_batch(
    order: BatchOrder,
    *,
    overwrite: bool,
    clock: Callable[[], int],
    progress: Callable[[Progress], None],
    spread: Spread | None = None,
) -> BatchReport:
    """Score what is not scored yet; give what came of the whole job. RefusedError if the output is there already.

    `spread`: who makes the parts (None: threads of this process).
    """
    folder = order.out.with_name(order.out.name + ".parts")
    with _alone(folder):
        wanted = _job(order, clock())
        found = _found(folder / "job.json")
        finished = _found_report(folder / "complete.json")
        if finished is not None and order.out.exists() and not (folder / "joined").exists() and found is not None and found.same(wanted):
            shutil.rmtree(folder)
            return finished
        if order.out.exists() and not overwrite:
            raise RefusedError(f"{order.out} is there already", hint="name another output, remove it, or say --overwrite")
        anew = "" if found is None else found.difference(wanted)
        _drop_segments(order.log, found, order.out)
        if found is None or anew:
            _clear(folder)
            found = wanted
            _write(folder / "job.json", to_json(wanted).encode())
        done = _done(folder, order.sink)
        before = sum(one.rows for one in done)
        begun = replace(order, started_at=found.started_at, job=_lane(found, order.out))
        place = done[-1].after if done else (0, 0, 0)
        if spread is None:
            made = _by_threads(begun, folder, place, len(done), clock)
        else:
            made = made_elsewhere(spread, begun, folder, place, len(done))
        report = _run(begun, folder, done, made, progress)
        _drop_segments(order.log, found, order.out)  # of attempts that were too late
        report = replace(report, begun_anew=anew, rows_before=before)
        _finish(order, folder, report)
    return report


def _run(order: BatchOrder, folder: Path, done: list[Done], made: Generator[MadePart], progress: Callable[[Progress], None]) -> BatchReport:
    if order.log is not None:
        order.log.mkdir(parents=True, exist_ok=True)
    rows, size = sum(one.rows for one in done), sum(one.size for one in done)
    total = order.source.total
    progress(Progress(rows=rows, done=size, total=total, fresh=0))
    number, fresh = len(done), 0
    file = done[-1].after[0] if done else 0
    before = sum(one.rows for one in done if one.after[0] == file)  # rows of the same file
    with closing(made):
        for cut, part in made:
            if cut.place[0] != file:
                file, before = cut.place[0], 0
            one = _commit(order, folder, cut, number, part, before)
            done.append(one)
            before += one.rows
            number, rows, size, fresh = number + 1, rows + one.rows, size + one.size, fresh + one.rows
            progress(Progress(rows=rows, done=size, total=total, fresh=fresh))
    return add_up(order, done)


def _by_threads(order: BatchOrder, folder: Path, start: Place, number: int, clock: Callable[[], int]) -> Generator[MadePart]:
    """The parts from a place on, the first of them with this number, made in threads of this process."""
    threads = ThreadPoolExecutor(max_workers=order.threads, thread_name_prefix="predict")
    waiting: deque[tuple[Cut, Future[Made]]] = deque()
    parts = order.source.parts(start)
    try:
        while True:
            while len(waiting) <= order.threads and (part := next(parts, None)) is not None:
                cut = Cut(file=part.file, place=part.place, after=part.after, size=part.size)
                waiting.append((cut, threads.submit(make, order, part, number + len(waiting), folder, clock)))
            if not waiting:
                return
            cut, future = waiting.popleft()
            number += 1
            yield cut, future.result()
    finally:
        threads.shutdown(wait=True, cancel_futures=True)


def _commit(order: BatchOrder, folder: Path, part: Cut, number: int, made: Made, before: int) -> Done:
    """The log's rows first, then the state that says so. What was written before that is written again after a crash."""
    if made.bad and not order.skip:
        first = made.bad[0]
        more = f"; {len(made.bad) - 1} more in the rows read so far" if len(made.bad) > 1 else ""
        raise DataError(
            f"{part.file}, row {before + first.number + 1}{_column(first)}: {first.error}{more}",
            hint="correct the row (rows are counted from 1, without the header), or go on without such rows: --on-error skip",
        )
    if made.bad:
        write_skipped(folder / f"{number:07d}.skipped", part.file, before, made.bad)
    assert made.piece is not None
    made.piece.rename(folder / f"{number:07d}.out")
    if made.segment is not None:
        made.segment.rename(made.segment.with_name(f"{segment_name(order, number)}.seg"))
    done = Done(
        number=number,
        check=made.check,
        after=part.after,
        size=part.size,
        rows=made.rows,
        answered=made.answered,
        skipped=len(made.bad),
        versions=made.versions,
        shadows=made.shadows,
        missed=made.missed,
        fallbacks=made.fallbacks,
        unseen=made.unseen,
        zone_assumed=made.zone_assumed,
    )
    _write(folder / f"{number:07d}.json", to_json(done).encode())
    return done


def _column(bad: BadRow) -> str:
    return f", column {bad.column!r}" if bad.column else ""


def _finish(order: BatchOrder, folder: Path, report: BatchReport) -> None:
    numbers = range(report.parts)
    order.sink.join([folder / f"{number:07d}.out" for number in numbers], folder / "joined")
    skipped = order.out.with_name(order.out.name + ".skipped.csv")
    if report.skipped:
        with (folder / "skipped").open("wb") as file:
            file.write(beginning())
            for path in sorted(folder.glob("*.skipped")):
                file.write(path.read_bytes())
        (folder / "skipped").replace(skipped)
    else:
        skipped.unlink(missing_ok=True)  # of an earlier job of this name
    _write(folder / "complete.json", to_json(report).encode())
    (folder / "joined").replace(order.out)
    shutil.rmtree(folder)


def _job(order: BatchOrder, now: int) -> Job:
    """What makes two jobs the same."""
    options = {
        "header": list(order.header),
        "kept": list(order.kept),
        "kind": order.kind,
        "roles": [order.wanted.id, order.wanted.unit, order.wanted.time],
        "skip": order.skip,
        "unseen": order.refuse_unseen,
        "logged": order.log is not None,
        "now": order.started_at,
        "split": [dict(order.split.overrides), order.split.holdback],
    }
    deployment = sha256_json([to_plain(order.live.deployment), sorted(order.live.left_out)])
    source = order.source.fingerprint
    return Job(
        identity=sha256_json([source, deployment, options]),
        source=source,
        deployment=deployment,
        options=sha256_json(options),
        started_at=now if order.started_at is None else order.started_at,
    )


def _done(folder: Path, sink: RowSink) -> list[Done]:
    """The parts that are done, from the first on without a gap."""
    found: list[Done] = []
    while (path := folder / f"{len(found):07d}.json").exists():
        try:
            one = from_json(path.read_bytes(), Done)
        except FlyballError:
            break
        if not sink.intact(path.with_suffix(".out"), one.check):
            break
        found.append(one)
    return found


def _lane(job: Job, out: Path) -> str:
    """What the segments of a job are called: two jobs over one file with two outputs may run at once."""
    return sha256_json([job.identity, str(out.resolve())])[:12]


def _drop_segments(log: Path | None, job: Job | None, out: Path) -> None:
    """What a killed process had written for the log of parts that were not done; they are made again."""
    if log is not None and job is not None:
        for left in log.glob(f"*-{WORKER}-{_lane(job, out)}-*new"):
            left.unlink(missing_ok=True)


def _found(path: Path) -> Job | None:
    try:
        return from_json(path.read_bytes(), Job)
    except (OSError, FlyballError):
        return None


def _found_report(path: Path) -> BatchReport | None:
    try:
        return from_json(path.read_bytes(), BatchReport)
    except (OSError, FlyballError):
        return None


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != "lock":
            path.unlink()


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(content)
    fresh.replace(path)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The folder of the job, held by this process alone."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(f"another process is writing {folder.name.removesuffix('.parts')}", hint="wait for it") from None
        try:
            yield
        finally:
            if folder.exists() and not any(path.name != "lock" for path in folder.iterdir()):
                shutil.rmtree(folder)
