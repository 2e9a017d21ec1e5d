"""What `flyball train --report DIR` leaves for reviewers and for the steps after it, and how these find the run again."""

import json
from pathlib import Path

from flyball.cli.frame import say, told
from flyball.core.codec import to_json, to_plain
from flyball.core.errors import DataError, NotFoundError, RefusedError
from flyball.loop.making.trained import TrainResult, report
from flyball.settings import Settings
from flyball.spec.records import Spec
from flyball.wiring import open_workshop

RESULT, COMMENT, PAGE = "training.json", "evaluation.md", "evaluation.html"


def write_report(folder: Path, settings: Settings, spec: Spec, result: TrainResult) -> None:
    """Write the three files; a relative folder is one of the project's."""
    from flyball.loop.making.examined import examine
    from flyball.render.review.markdown import markdown
    from flyball.render.review.page import page

    say("report: the champion on the same rows, and how far the newest rows moved")
    found = examine(spec, open_workshop(settings, spec, echo=lambda _: None), result)
    there = settings.folder / folder
    there.mkdir(parents=True, exist_ok=True)
    said = report(result, lambda reason: told(reason, settings))
    for name, text in {
        RESULT: to_json(to_plain(said), indent=2) + "\n",
        COMMENT: markdown(result, found, settings.language),
        PAGE: page(result, found, settings.language),
    }.items():
        (there / name).write_text(text, encoding="utf-8")
    say(f"report: {folder / COMMENT}, {folder / PAGE}, {folder / RESULT}")


def read_report(folder: Path, model: str) -> str:
    """The run that a report is about."""
    path = folder / RESULT
    try:
        said = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise NotFoundError(f"there is no {RESULT} in {folder}", hint="`flyball train --no-register --report DIR` writes it") from None
    except (ValueError, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}", hint="train again with --report") from None
    run, other = (said.get("run_id"), said.get("model")) if isinstance(said, dict) else (None, None)
    if not isinstance(run, str) or not run:
        raise DataError(f"{path} names no run", hint="train again with --report")
    if other != model:
        raise RefusedError(f"the report in {folder} is about {other!r}, this project is {model!r}", hint="name the report of this project")
    return run
