"""What guardrails and assignment cost a request on the short way, in one process: `python -m bench.serving.guarded`."""

import asyncio
import gc
import tempfile
from pathlib import Path
from time import thread_time

from flyball.server.app import make_app, running
from flyball.spec.records import Guardrails
from served import body, linear, site

_ROUNDS, _REQUESTS = 300, 300


async def _measure() -> dict[str, float]:
    made = site(Path(tempfile.mkdtemp()) / "project")
    made.add(2, linear([0.0, 0.4, 1.0], 0.0))
    asks = [body(features={"hour": n % 24, "temp": n % 7 * 0.3, "rain": True}, unit=f"u{n % 100}") for n in range(_REQUESTS)]
    cases = {
        "champion alone": {},
        "champion alone, watched": {"previous": 2, "watched": True, "guardrails": Guardrails()},
        "champion and challenger": {"challenger": 2, "share": 0.5},
        "champion and challenger, guarded": {"challenger": 2, "share": 0.5, "guardrails": Guardrails()},
    }
    best = dict.fromkeys(cases, float("inf"))
    async with running(make_app(made.settings(poll_every=3600.0, log="off"), made.ports)) as app:
        lanes = {}
        for name, deployed in cases.items():
            made.deploy(1, **deployed)
            await app.reloader.look()
            app.predictor.forget()
            lanes[name] = app.predictor.lane
        gc.freeze()
        gc.disable()
        for _ in range(_ROUNDS):
            for name, lane in lanes.items():
                assert lane is not None
                answer = lane.answer
                started = thread_time()
                for ask in asks:
                    answer(ask)
                best[name] = min(best[name], (thread_time() - started) / _REQUESTS)
                for arm in app.models.first.guard._counts.values():
                    arm.fold(keep_scores=False)
    return best


def main() -> None:
    """Print the best of some rounds, in microseconds."""
    best = asyncio.run(_measure())
    for name, seconds in best.items():
        print(f"{name:36s} {seconds * 1e6:6.2f} µs")
    print(f"guardrails cost {(best['champion and challenger, guarded'] - best['champion and challenger']) * 1e6:.2f} µs a request")


if __name__ == "__main__":
    main()
