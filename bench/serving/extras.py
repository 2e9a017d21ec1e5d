"""What is measured of our server alone: its start, and two workers behind one port."""

import time
from pathlib import Path

from bench.serving import dialects, load, own
from bench.serving.environments import UnavailableError
from bench.serving.measure import LAST_MOVE, logged_by_worker, say
from bench.serving.models import Served
from bench.serving.processes import Family, free_port
from bench.serving.results import Run, Workers

_PATIENCE = 60.0


def start_up(folder: Path, served: Served, core: int, run: Run, *, times: int) -> None:
    """`flyball serve` as a user starts it, to the first answer, so often; the first start warms the file cache and does not count."""
    folder.mkdir()
    run.engine = own.deploy(folder, served)
    body = dialects.bodies(dialects.NATIVE, served, rows=1)[0]
    for number in range(times + 1):
        port = free_port()
        family = Family(own.cli_command(folder, port), core=core, folder=folder, env={})
        try:
            seconds = _first_answer(family, port, dialects.requests("/predict", port, [body])[0])
        except UnavailableError as error:
            say(f"flyball serve did not start: {error}")
            return
        finally:
            family.end()
        if number:
            run.start_up.append(seconds)
            say(f"  start to first answer {seconds:.2f} s")


def two_workers(folder: Path, served: Served, core: int, run: Run, *, seconds: float) -> None:
    """Two workers under load; then what the clients got is compared with what stands in the log."""
    folder.mkdir()
    port = free_port()
    family = Family(own.command(folder, served, port, {"workers": 2}), core=core, folder=folder, env={})
    requests = dialects.requests("/predict", port, dialects.bodies(dialects.NATIVE, served, rows=1))
    try:
        _first_answer(family, port, requests[0])
        time.sleep(1.0)  # the other worker may still be starting
        outcome = load.closed_loop(port, requests, connections=64, seconds=seconds)
    except (UnavailableError, load.WrongAnswerError) as error:
        say(f"two workers: {error}")
        return
    finally:
        family.end(patience=LAST_MOVE)  # which writes what is left of the log, and moves it into the database
    logged = logged_by_worker(folder)
    run.workers = Workers(answers=outcome.answers + 1, logged=logged)
    say(f"  two workers: {outcome.answers + 1} answers, logged {logged}")


def _first_answer(family: Family, port: int, request: bytes) -> float:
    while time.perf_counter() - family.started < _PATIENCE:
        if family.first.poll() is not None:
            raise UnavailableError(family.last_words())
        try:
            load.ask(port, request)
        except (OSError, load.WrongAnswerError):
            time.sleep(0.002)
        else:
            return time.perf_counter() - family.started
    raise UnavailableError(f"no answer within {_PATIENCE:g} s")
