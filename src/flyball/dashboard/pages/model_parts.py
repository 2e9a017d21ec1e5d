"""What the pages about versions share: names of a version, differences of metrics, buttons, what its bundle says."""

from collections.abc import Mapping, Sequence

import msgspec
from markupsafe import Markup

from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.dashboard.paper import filled
from flyball.dashboard.records import Ask
from flyball.dashboard.standing import Facts, seen
from flyball.journal.events import Registered
from flyball.journal.known import State
from flyball.loop.options import Option
from flyball.loop.past.price import Became
from flyball.ports.serving import BundleStore
from flyball.registry.bundle import read_manifest
from flyball.registry.records import Manifest
from flyball.render.report.text import clean
from flyball.spec.records import Spec
from flyball.stats.scores import METRICS

CHIP = {"pass": "ok", "fail": "drift", "undecided": "warn", "not applicable": "few"}
MOST_METRICS = 6
_MOST_READ = 64
_READ: dict[tuple[str, str], Manifest] = {}  # by project and digest: a bundle never changes under its name


@record
class Cell:
    """A metric of a version. `gain`: by how much it is better than the champion's (< 0: worse), None if that is not known."""

    name: str
    text: str
    gain: float | None
    said: str
    kind: str


@record
class Role:
    """What a version is now, and the colour of its chip."""

    text: str
    kind: str


@record
class Button:
    """An option as it is shown: its name, what it does and says of itself, and the order."""

    name: str
    option: Option
    about: str
    body: str
    missing: str
    stop: bool


def roles(ask: Ask, state: State, version: int) -> list[Role]:
    """Every name that a version has now."""
    found = []
    if version == state.champion:
        found.append(Role(text=ask.t("model.champion"), kind="ok"))
    if version == state.challenger:
        share = f" {state.challenger_share:.0%}" if state.challenger_share else ""
        found.append(Role(text=ask.t("model.challenger") + share, kind="warn"))
    if version in state.shadow:
        found.append(Role(text=ask.t("model.shadow"), kind="few"))
    if version == state.previous:
        found.append(Role(text=ask.t("model.previous"), kind="few"))
    if state.waiting is not None and state.waiting.version == version:
        found.append(Role(text=ask.t("model.waits"), kind="warn"))
    return found


def became(ask: Ask, word: Became) -> str:
    """What became of a version."""
    return ask.t(f"model.became.{word.replace(' ', '_')}")


def cells(ask: Ask, names: Sequence[str], one: Registered, champion: Registered | None) -> list[Cell]:
    """The held-out metrics of a version beside those of the champion."""
    return [_cell(ask, name, one, None if champion is None or champion.version == one.version else champion) for name in names]


def _cell(ask: Ask, name: str, one: Registered, other: Registered | None) -> Cell:
    value = one.metrics.get(name)
    found = None if other is None else gain(name, one.metrics, other.metrics)
    said, kind = "", "same"
    if found is not None:
        kind = "same" if abs(found) < 5e-5 else "up" if found > 0 else "down"
        said = ask.t(f"model.gain_{kind}", amount=f"{abs(found):.4f}")
    return Cell(name=name, text="-" if value is None else number(value), gain=found, said=said, kind=kind)


def gain(name: str, one: Mapping[str, float], other: Mapping[str, float]) -> float | None:
    """By how much a metric is better than another's; None where that cannot be said."""
    metric = METRICS.get(name)
    if metric is None or name not in one or name not in other:
        return None
    return metric.gain(one[name], other[name])


def number(value: float) -> str:
    """A metric's value in few digits."""
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def metric_names(spec: Spec, *versions: Registered) -> list[str]:
    """The metrics to show, those of the spec first, then what versions had before it changed."""
    return list(dict.fromkeys([*spec.evaluate.metrics, *(name for one in versions for name in one.metrics)]))


def cause(ask: Ask, one: Registered) -> str:
    """What a version was made by."""
    return ask.t("model.adopted") if one.source else ask.t(f"model.cause.{one.cause}")


def acts(ask: Ask, options: Sequence[Option], state: State) -> Markup:
    """The buttons of what is possible, for as long as the model stands so; why the others are not there."""
    made = [_button(ask, one) for one in options]
    given = [one for one in made if not one.missing], [one for one in made if one.missing]
    return filled("model_acts.html", ask, open=given[0], closed=given[1], seen=seen(state))


def _button(ask: Ask, option: Option) -> Button:
    name = ask.t(
        f"model.act.{option.act}", **{key: value for key, value in option.about.values.items() if key in ("version", "share", "to")}
    )
    about = ask.tell(option.about)
    if option.against:
        about = f"{about} {ask.t('model.against_it', reasons='; '.join(ask.tell(one) for one in option.against))}"
    return Button(
        name=ask.t("model.act.anyway", act=name) if option.against else name,
        option=option,
        about=about,
        body=msgspec.json.encode(option.body).decode(),
        missing="" if option.missing is None else ask.tell(option.missing),
        stop=bool(option.against) or option.act in ("rollback", "abort", "decline"),
    )


def manifest_of(ask: Ask, one: Registered) -> tuple[Manifest | None, str]:
    """What the bundle of a version says; else why it cannot be read."""
    try:
        return _opened(ask.world.bundles, (f"{ask.project.folder}", one.bundle)), ""
    except FlyballError as error:
        return None, clean(f"{error}", 300)


def _opened(bundles: BundleStore, place: tuple[str, str]) -> Manifest:
    """Every file of a bundle is verified when it is opened: not again for every look at the page."""
    found = _READ.get(place)
    if found is None:
        while len(_READ) >= _MOST_READ:
            _READ.pop(next(iter(_READ)), None)
        found = _READ[place] = read_manifest(bundles.path(place[1]), place[1])
    return found


def run_link(ask: Ask, run: str) -> str:
    """Where a run is shown; empty if that is not known."""
    return f"{ask.links.mlflow.rstrip('/')}/#/runs/{run}" if ask.links.mlflow and run.isalnum() else ""


def champion_of(known: Facts) -> Registered | None:
    """The champion as it was registered."""
    found = None if known.state.champion is None else known.state.versions.get(known.state.champion)
    return None if found is None else found.registered
