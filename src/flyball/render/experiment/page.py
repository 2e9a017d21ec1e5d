"""A rollout as one self-contained page: no script, nothing from elsewhere, readable on a phone and in the dark."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment

from flyball.core.verdict import Verdict
from flyball.loop.experiment import ExperimentView
from flyball.monitoring.records import ArmsEvidence
from flyball.render.experiment.charts import daily, over_time
from flyball.render.report.paper import environment, style
from flyball.render.report.text import Words
from flyball.words.sentences import Language

_TONES = {Verdict.PASS: "good", Verdict.FAIL: "act", Verdict.UNDECIDED: "look"}


def experiment_page(view: ExperimentView, language: Language = "en") -> str:
    """The page as text. The same view gives the same page."""
    words = Words(language)
    arms = view.evidence if isinstance(view.evidence, ArmsEvidence) else None
    trouble = arms is not None and arms.trouble is not None
    return (
        _templates(language)
        .get_template("page.html")
        .render(
            t=words,
            v=view,
            e=view.evidence,
            arms=arms,
            style=style(_own()),
            tone="act" if trouble else _TONES[view.verdict],
            call="trouble" if trouble else view.verdict.value,
            state="ended" if not view.running else "paused" if view.paused is not None else "running",
            over_time=over_time(view, words, "over"),
            daily=daily(view, words, "daily"),
            sides=() if arms is None else (("champion", arms.against, arms.champion), ("challenger", arms.version, arms.challenger)),
        )
    )


@cache
def _templates(language: Language) -> Environment:
    made = environment("flyball.render.experiment", Words(language))
    made.filters |= {
        "number": lambda value: "-" if value is None else f"{value:.5f}",
        "signed": lambda value: "-" if value is None else f"{value:+.5f}",
    }
    return made


@cache
def _own() -> str:
    return (files("flyball.render.experiment") / "templates" / "experiment.css").read_text(encoding="utf-8")
