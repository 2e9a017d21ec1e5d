"""One version with all that is known of it: why it stands where it stands, where it came from, its card, its parity, its story."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.dashboard.pages.model_lineage import lineage
from flyball.dashboard.pages.model_list import history, pick
from flyball.dashboard.pages.model_parts import (
    CHIP,
    acts,
    became,
    cause,
    cells,
    champion_of,
    manifest_of,
    metric_names,
    number,
    roles,
    run_link,
)
from flyball.dashboard.paper import filled, guarded
from flyball.dashboard.records import Ask, Part
from flyball.dashboard.standing import Facts
from flyball.journal.events import Promoted, Registered, RolledBack, RolloutEnded, RolloutStarted, Staged
from flyball.journal.explain import Told
from flyball.journal.known import Known
from flyball.journal.moves import ApprovalAsked, Declined, GuardrailTripped
from flyball.loop.options import of_model, of_version
from flyball.loop.past.plain import evidence_of
from flyball.loop.past.price import bought_words
from flyball.loop.past.story import Story, story_of
from flyball.training.identity import recorded_as

STORY, FEATURES, SLICES = 60, 40, 30
# What settles where a version stands.
_SETTLES = (Promoted, Staged, RolledBack, RolloutStarted, RolloutEnded, Declined, GuardrailTripped, ApprovalAsked)


@record
class Line:
    """An entry of a version's story with the numbers it rests on."""

    told: Told
    evidence: str


def shown(ask: Ask, known: Facts, version: int) -> list[Part]:
    """The sections."""
    one = known.state.versions[version]
    story = story_of(ask.model, known.entries, version)
    assert story is not None
    return [
        guarded(ask, "version", lambda: _top(ask, known, one, story), every=5),
        guarded(ask, "gate", lambda: _gate(ask, one.registered, story)),
        guarded(ask, "lineage", lambda: lineage(ask, known, one)),
        guarded(ask, "metrics", lambda: _metrics(ask, known, one.registered)),
        guarded(ask, "parity", lambda: _parity(ask, one.registered)),
        guarded(ask, "card", lambda: _card(ask, one, story)),
        guarded(ask, "story", lambda: _story(ask, story)),
        guarded(ask, "history", lambda: history(ask, known, version)),
        Part(key="pick", body=filled("model_again.html", ask, pick=pick(ask, known, version))),
    ]


def _top(ask: Ask, known: Facts, one: Known, story: Story) -> Markup:
    version, state, spec = one.registered.version, known.state, ask.project.spec()
    numbers = sorted(state.versions)
    place = numbers.index(version)
    options = of_version(state, spec, version, now=ask.now)
    about_it = {"approve", "decline", "unstage", "rollback", "pause", "resume", "abort"}
    ours = [option for option in of_model(state, now=ask.now) if option.act in about_it and _concerns(option.act, known, version)]
    return filled(
        "model_version.html",
        ask,
        version=version,
        at=one.at,
        roles=roles(ask, state, version),
        became=became(ask, story.standing),
        headline=headline(ask, one.registered, story),
        before=numbers[place - 1] if place else None,
        after=numbers[place + 1] if place + 1 < len(numbers) else None,
        acts=acts(ask, [*ours, *options], state),
    )


def _concerns(act: str, known: Facts, version: int) -> bool:
    state = known.state
    if act in ("approve", "decline"):
        return state.waiting is not None and state.waiting.version == version
    if act == "rollback":
        return version in (state.champion, state.previous)
    if act == "unstage":
        return state.rollout is None and state.challenger == version
    return state.rollout is not None and state.rollout.version == version


def headline(ask: Ask, made: Registered, story: Story) -> list[str]:
    """Why a version stands where it stands: what was decided about it last, else what its gate said against it."""
    settled = [one for one in story.told if isinstance(one.entry.event, _SETTLES)]
    if settled:
        return [ask.tell(settled[-1].reason)]
    wrong = [check for check in made.gate.checks if check.verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE)]
    return [ask.tell(check.reason) for check in wrong[:3]]


def _gate(ask: Ask, made: Registered, story: Story) -> Markup:
    checks = [
        (CHIP[one.verdict.value], ask.t(f"model.verdict.{one.verdict.value.replace(' ', '_')}"), ask.tell(one.reason))
        for one in made.gate.checks
    ]
    bought = [(one, ask.tell(bought_words(one))) for one in story.comparisons]
    verdict = made.gate.verdict.value
    return filled(
        "model_gate.html",
        ask,
        made=made,
        verdict=ask.t(f"model.verdict.{verdict.replace(' ', '_')}"),
        chip=CHIP[verdict],
        checks=checks,
        bought=bought,
    )


def _metrics(ask: Ask, known: Facts, made: Registered) -> Markup:
    champion = champion_of(known)
    names = metric_names(ask.project.spec(), made)
    rows = [
        (
            cell,
            "-"
            if made.lower.get(cell.name) is None or made.upper.get(cell.name) is None
            else f"{number(made.lower[cell.name])} – {number(made.upper[cell.name])}",
            number(champion.metrics[cell.name]) if champion is not None and cell.name in champion.metrics else "-",
        )
        for cell in cells(ask, names, made, champion)
    ]
    return filled(
        "model_metrics.html",
        ask,
        rows=rows,
        champion=champion,
        made=made,
        slices=made.gate.slices[:SLICES],
        left_out=max(len(made.gate.slices) - SLICES, 0),
    )


def _parity(ask: Ask, made: Registered) -> Markup:
    manifest, trouble = manifest_of(ask, made)
    return filled(
        "model_parity.html", ask, made=made, manifest=manifest, parity=None if manifest is None else manifest.parity, trouble=trouble
    )


def _card(ask: Ask, one: Known, story: Story) -> Markup:
    made = one.registered
    manifest, trouble = manifest_of(ask, made)
    spec = ask.project.spec()
    same_spec = manifest is not None and bool(manifest.lineage.spec_digest) and recorded_as(spec, manifest.lineage.spec_digest)
    columns = () if manifest is None else manifest.schema.columns
    everything = ask.query.get("features") == "all"
    return filled(
        "model_card.html",
        ask,
        made=made,
        at=one.at,
        manifest=manifest,
        trouble=trouble,
        cause=cause(ask, made),
        training=story.training,
        window="" if made.window is None else ask.tell(made.window),
        params=_params(spec.train.params) if same_spec else None,
        run_link=run_link(ask, made.run_id),
        columns=columns if everything else columns[:FEATURES],
        left_out=0 if everything else max(len(columns) - FEATURES, 0),
        total=len(columns),
    )


def _params(params: Mapping[str, object]) -> list[tuple[str, str]]:
    return [(name, f"{value}") for name, value in params.items()]


def _story(ask: Ask, story: Story) -> Markup:
    lines = [Line(told=one, evidence=_evidence(one)) for one in story.told[-STORY:]]
    return filled(
        "model_story.html", ask, lines=lines, left_out=max(len(story.told) - STORY, 0), version=story.version, actions=_actions(ask, lines)
    )


def _actions(ask: Ask, lines: Sequence[Line]) -> list[str]:
    return [ask.t(f"model.did.{line.told.action.replace(' ', '_').replace(':', '')}") for line in lines]


def _evidence(one: Told) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in list(evidence_of(one).items())[:8])
