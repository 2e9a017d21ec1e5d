"""The short way of one plain row: from the bytes of its request to the bytes of its answer, with split, log and metrics.

Everything that does not change while a deployment serves is worked out when it is taken up: the types of a request, the text around the
two numbers of an answer, who answers which unit. What is not plain, and every error, is left to `Predictor`, which begins anew.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from flyball.server.drawn import Drawn, DrawnAlready
from flyball.server.guard import Guard
from flyball.server.guardrails import Counts
from flyball.server.log import RecordLog
from flyball.server.metrics import Metrics
from flyball.server.scoring import split_of
from flyball.server.settings import ServerSettings
from flyball.serving.codecs import answer_parts, encode_float
from flyball.serving.contract import Row
from flyball.serving.deployment import LiveModel, LiveVersion
from flyball.serving.records import Label, Variant
from flyball.serving.traffic import EVERYBODY, HOLDBACK, OVERRIDE, Split, answer_propensity, choose, propensity_of

_MOST_UNITS = 50_000  # whose variant is remembered: ten megabytes

Judged = tuple[Label, float, bytes, bytes, float | None]


class Arm:
    """One version in one variant, `logged` under a name of its own where that is part of no comparison. Where the model has one score a
    row, `yes` and `no` are what a score says that reaches `threshold` or does not: the label, the text of an answer before and after its
    number, and the answer's propensity. Else `judge` says it. `counts`: where guardrails count what it does; None where nobody looks.
    """

    __slots__ = (
        "_held",
        "_model",
        "_no_chance",
        "_parts",
        "_yes_chance",
        "ask",
        "cell",
        "counts",
        "live",
        "logged",
        "no",
        "read",
        "score",
        "threshold",
        "variant",
        "version",
        "yes",
    )

    def __init__(
        self,
        live: LiveModel,
        version: LiveVersion,
        variant: Variant,
        metrics: Metrics,
        *,
        logged: str = "",
        split: Split = EVERYBODY,
        counts: Counts | None = None,
    ) -> None:
        manifest, engine = version.manifest, version.engine
        self.live = version
        self.version = version.version
        self.variant = variant
        self.logged = logged or variant
        self.counts = counts
        chance = propensity_of(live.deployment, variant) if self.logged == variant else None
        self._yes_chance = answer_propensity(self.logged, chance, split, acts=True)
        self._no_chance = answer_propensity(self.logged, chance, split, acts=False)
        self._held = manifest.threshold if self.logged == HOLDBACK else None
        self.cell = metrics.predictions(live.model, version.version, variant)
        reader = live.read_by[version.version]
        self.read: Callable[[Row], Row] | None = None if reader.same else lambda row: reader((row,))[0]
        self.score: Callable[[Row], Any] = engine.score_one
        if manifest.task == "multiclass":
            self.score = lambda row: engine.score_rows((row,))[0].tolist()
        self.ask = _asker(self.score, self.read, counts)
        self._model = live.model
        self._parts: dict[Label | None, tuple[bytes, bytes]] = {}
        self.threshold = manifest.threshold if manifest.task == "binary" and self._held is None else None
        if manifest.task == "binary":
            chances = (self._no_chance, self._yes_chance)
            self.no, self.yes = ((label, *self._around(label), one) for label, one in zip(manifest.classes, chances, strict=True))

    def judge(self, score: Any) -> Judged:
        """What a score says that is not of a binary model, or of one whose unit is held back; DataError if it is no finite number."""
        if self._held is not None:
            no, start, middle, chance = self.no
            return no, 1.0 - score, start, middle, self._yes_chance if score >= self._held else chance
        said = self.live.one_of_several(score) if type(score) is list else self.live.one(score)
        label, sure = said.labels[0], said.confidences[0]
        assert not isinstance(label, list)
        around = self._around(None if sure is None else label)
        return (label, score if sure is None else sure, *around, self._no_chance)

    def _around(self, label: Label | None) -> tuple[bytes, bytes]:
        found = self._parts.get(label)
        if found is None:
            found = self._parts[label] = answer_parts(self._model, self.version, self.variant, label=label)
        return found


def _asker(score: Callable[[Row], Any], read: Callable[[Row], Row] | None, counts: Counts | None) -> Callable[[Row], Any]:
    """How a version is asked for the score of a row: by itself, or noting what guardrails look at."""
    plain = score if read is None else lambda row: score(read(row))
    if counts is None:
        return plain
    note, keep = counts.seconds.append, counts.scores.append

    def timed(row: Row) -> Any:
        began = perf_counter()
        found = plain(row)
        took = perf_counter() - began
        if type(found) is list or found - found == 0.0:  # what is no number is found out, and counted, where it is answered
            note(took)
            keep(found)
        return found

    return timed


# A request on its short way, read, assigned and not scored yet: when it began (by two clocks), its id, unit, entity, row, and who answers.
# A plain tuple: to make an object of a class costs as much as to find the unit's variant.
Held = tuple[float, int, str, str | None, str | None, Row, Arm]


Assign = Callable[[str | None, str], Arm | None]


class Lane:
    """The short way through one deployment.

    `begin` gives None, or raises what a decoder raises, for a request that is not plain; nothing has been changed then. `finish` takes
    the row's score; None if that is no answer. `answer` is both. A request that was begun and has no answer is `left` to the general way
    with the id that was made for it, which says who answers: else it would be drawn for twice, and most often where a version fails.
    """

    def __init__(
        self,
        live: LiveModel,
        settings: ServerSettings,
        log: RecordLog,
        metrics: Metrics,
        *,
        make_id: Callable[[int], str],
        clock: Callable[[], int],
        guard: Guard | None = None,
        drawn: DrawnAlready | None = None,
    ) -> None:
        self.live = live
        self._drawn = DrawnAlready() if drawn is None else drawn
        self.gathers = settings.gather and live.gathers
        begin = self.begin = _beginner(live, _assigner(live, settings.split, metrics, guard), make_id, clock)
        finish = self.finish = _finisher(live, log.take if settings.log == "available" else None, metrics.took)

        def answer(body: bytes) -> bytes | None:
            held = begin(body)
            if held is None:
                return None
            try:
                content = finish(held, held[6].ask(held[5]))
            except Exception:  # noqa: BLE001 - the general way meets the same error again, and says what it was or who answers
                content = None
            if content is None:
                self.left(body, held)
            return content

        self.answer = answer

    def left(self, body: bytes, held: Held) -> None:
        """A request that was begun here is answered another way."""
        self._drawn.keep(body, Drawn([held[2]], held[1]))


def lane_fits(live: LiveModel, settings: ServerSettings) -> bool:
    """Whether plain rows of this deployment can be answered the short way: at once, and by one number."""
    return settings.log != "required" and settings.clock == "wall" and _short(live.champion)


def _short(version: LiveVersion) -> bool:
    return version.inline and not version.several and version.manifest.probabilities


def _beginner(live: LiveModel, assign: Assign, make_id: Callable[[int], str], clock: Callable[[], int]) -> Callable[[bytes], Held | None]:
    contract = live.contract
    decode, single = contract.shape.one, contract.shape.single
    unseen = contract.unseen if contract.categorical else None
    comparable = live.comparable if live.challenger is not None and live.read_by[live.challenger.version].demanding else None

    def begin(body: bytes) -> Held | None:
        started = perf_counter()
        asked = decode(body)
        row = single(body, asked)
        if row is None or (unseen is not None and unseen(row)) or (comparable is not None and not comparable((row,))):
            return None
        now = clock()
        name, unit = make_id(now), asked.unit
        arm = assign(unit, name)
        return None if arm is None else (started, now, name, unit, asked.id, row, arm)

    return begin


def _finisher(
    live: LiveModel, take: Callable[[LiveModel, tuple[Any, ...]], None] | None, took: Callable[[float], None]
) -> Callable[[Held, Any], bytes | None]:
    def finish(held: Held, score: Any) -> bytes | None:
        started, now, name, unit, entity, row, arm = held
        threshold = arm.threshold
        if threshold is None:
            label, number, start, middle, chance = arm.judge(score)
        elif score >= threshold:
            number = score
            label, start, middle, chance = arm.yes
        else:
            number = 1.0 - score
            label, start, middle, chance = arm.no
        if number - number != 0.0:  # infinite, or not a number
            return None
        content = b"".join((start, encode_float(number), middle, name.encode(), b'"}'))
        if take is not None:
            take(live, (name, arm.version, arm.logged, now, now, unit, entity, None, label, score, row, None, chance))
        arm.cell.number += 1
        took(perf_counter() - started)
        return content

    return finish


def _assigner(live: LiveModel, split: Split, metrics: Metrics, guard: Guard | None) -> Assign:
    """Who answers a unit; a unit that comes again is not hashed again. None where that is a challenger that was left out or takes its time.

    A request without a unit is then left to the general way as a whole: it must not be drawn for twice.
    """
    split = split_of(live, split)

    def arm(version: LiveVersion, variant: Variant, logged: str = "") -> Arm:
        counts = None if guard is None else guard.counts(version.version, variant)
        return Arm(live, version, variant, metrics, logged=logged, split=split, counts=counts)

    champion = arm(live.champion, "champion")
    deployment = live.deployment
    alone = deployment.challenger is None or deployment.challenger_share <= 0.0
    if alone and split.plain:
        return lambda unit, name: champion
    challenger = live.challenger if live.challenger is not None and _short(live.challenger) else None
    arms: dict[tuple[Variant, str], Arm | None] = {
        ("champion", "champion"): champion,
        ("champion", OVERRIDE): arm(live.champion, "champion", OVERRIDE),
        ("champion", HOLDBACK): arm(live.champion, "champion", HOLDBACK) if split.holdback > 0.0 else None,
        ("challenger", "challenger"): None if challenger is None else arm(challenger, "challenger"),
        ("challenger", OVERRIDE): None if challenger is None else arm(challenger, "challenger", OVERRIDE),
    }
    known: dict[str | None, Arm | None] = {}
    drawn = alone or challenger is not None  # a request without a unit can be drawn for here

    def assign(unit: str | None, name: str) -> Arm | None:
        found = known.get(unit)
        if found is None and (unit is not None or drawn):
            chosen = choose(deployment, split, unit, name)
            found = arms[chosen.variant, chosen.logged]
            if unit is not None:
                if len(known) >= _MOST_UNITS:
                    known.clear()
                known[unit] = found
        return found

    return assign
