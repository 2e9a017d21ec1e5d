"""What a server says of itself at /metrics: requests, errors and how long they took, between two looks."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import quote

from flyball.core.record import record
from flyball.spec.records import ServeSpec

# Seconds to wait for a server: it answers in milliseconds or not at all.
PATIENCE = 1.0
_LATENCY = "model_prediction_latency_seconds"
_REFUSED = "flyball_requests_refused_total"
_ANSWERED = "model_predictions_total"
_READ = (_LATENCY, _REFUSED, _ANSWERED)  # of the thousands of lines that a model with many columns has
_WORKER = re.compile(r"(?:[A-Za-z0-9-]+-)?([0-9]{1,5})-w[0-9]+")  # as `server/worker.py` names them
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a server listens, to know where to ask


@record
class Numbers:
    """What a server counted since it started. `buckets`: upper bound in seconds → requests that took at most so long.

    `answers`: version, variant and how many rows were answered so.
    """

    at: float
    requests: float
    errors: float
    buckets: tuple[tuple[float, float], ...]
    answers: tuple[tuple[int, str, float], ...] = ()


@record
class Traffic:
    """Rates between two looks, and how long half and 99 % of the requests between them took at most (seconds, None without requests).

    `answers`: version, variant and rows in a second.
    """

    requests: float
    errors: float
    median: float | None
    slow: float | None
    answers: tuple[tuple[int, str, float], ...] = ()


def address(serve: ServeSpec) -> str:
    """Where the server of a spec answers, seen from here."""
    host = _EVERYWHERE.get(serve.host, serve.host)
    return f"http://{f'[{host}]' if ':' in host else quote(host)}:{serve.port}"


def fetch(url: str) -> str | None:
    """The text at an address, None if nobody answers with one."""
    import httpx

    try:
        answer = httpx.get(url, timeout=PATIENCE, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    return answer.text if answer.status_code == 200 else None


def steady(patience: float = PATIENCE) -> Callable[[str], str | None]:
    """As `fetch`, for whoever asks again and again: what a client needs is made ready once. No connection stays open between two times."""
    import httpx

    client = httpx.Client(timeout=patience, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    def get(url: str) -> str | None:
        try:
            answer = client.get(url)
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
        return answer.text if answer.status_code == 200 else None

    return get


def numbers(text: str, model: str, at: float) -> Numbers | None:
    """The totals of one model on a page of metrics; None if this is no page of a server of that model."""
    from prometheus_client.parser import text_string_to_metric_families

    requests, errors, buckets, known = 0.0, 0.0, dict[float, float](), False
    answers = dict[tuple[int, str], float]()
    read = "".join(f"{line}\n" for line in text.splitlines() if any(name in line for name in _READ))
    try:
        for family in text_string_to_metric_families(read):
            for sample in family.samples:
                if sample.labels.get("model", model) != model:
                    continue
                if sample.name == f"{_LATENCY}_count":
                    requests, known = requests + sample.value, True
                elif sample.name == f"{_LATENCY}_bucket":
                    bound = float(sample.labels["le"])
                    buckets[bound] = buckets.get(bound, 0.0) + sample.value
                elif sample.name == _REFUSED:
                    errors += sample.value
                elif sample.name == _ANSWERED:
                    one = int(sample.labels["version"]), sample.labels["variant"]
                    answers[one] = answers.get(one, 0.0) + sample.value
    except (ValueError, KeyError):
        return None
    if not known:
        return None
    said = tuple((version, variant, rows) for (version, variant), rows in sorted(answers.items()))
    return Numbers(at=at, requests=requests, errors=errors, buckets=tuple(sorted(buckets.items())), answers=said)


def traffic(before: Numbers, now: Numbers) -> Traffic | None:
    """What happened between two looks; None if the server started anew in between, or no time passed."""
    seconds = now.at - before.at
    if seconds <= 0 or now.requests < before.requests or len(before.buckets) != len(now.buckets):
        return None
    pairs = zip(now.buckets, before.buckets, strict=True)
    fresh = [(bound, count - earlier) for (bound, count), (_, earlier) in pairs]
    known = {(version, variant): rows for version, variant, rows in before.answers}
    answers = [(version, variant, rows - known.get((version, variant), 0.0)) for version, variant, rows in now.answers]
    return Traffic(
        requests=(now.requests - before.requests) / seconds,
        errors=max(0.0, now.errors - before.errors) / seconds,
        median=_within(fresh, 0.5),
        slow=_within(fresh, 0.99),
        answers=tuple((version, variant, rows / seconds) for version, variant, rows in answers if rows > 0),
    )


def so_far(found: Numbers) -> tuple[float | None, float | None]:
    """How long half and 99 % of all requests took at most since the server started."""
    return _within(list(found.buckets), 0.5), _within(list(found.buckets), 0.99)


def asker(
    serve: ServeSpec,
    model: str,
    get: Callable[[str], str | None] = fetch,
    workers: Callable[[], Iterable[str]] = tuple,
) -> Callable[[float], Numbers | None]:
    """Asks the server of a spec for its numbers, at a time in seconds.

    `workers`: the names of those that live. They say on which port they serve, which the command line may have changed; without one the
    spec's is asked.
    """

    def ask(at: float) -> Numbers | None:
        ports = sorted({int(named[1]) for name in workers() if (named := _WORKER.fullmatch(name))}, key=lambda port: port != serve.port)
        for port in ports or [serve.port]:
            text = get(f"{address(replace(serve, port=port))}/metrics")
            found = None if text is None else numbers(text, model, at)
            if found is not None:
                return found
        return None

    return ask


def _within(fresh: list[tuple[float, float]], share: float) -> float | None:
    """The bound of the first bucket that holds this share of the requests."""
    total = fresh[-1][1] if fresh else 0.0
    if total <= 0:
        return None
    return next((bound for bound, count in fresh if count >= share * total), fresh[-1][0])
