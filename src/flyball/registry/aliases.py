"""Which alias may move where: pure rules on the aliases as they stand and what the gate said about a version."""

from collections.abc import Mapping

from flyball.core.errors import RefusedError, UsageError
from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.schema import did_you_mean
from flyball.core.verdict import Verdict
from flyball.registry.records import Alias

_STAGES: Mapping[str, Alias] = {
    "production": "champion",
    "champion": "champion",
    "staging": "challenger",
    "challenger": "challenger",
}


@record
class Move:
    """The aliases after a legal move, and why. `changed` False: there was nothing to do. `forced`: against the gate's word."""

    aliases: Mapping[Alias, int]
    changed: bool
    forced: bool
    reason: Reason


def alias_of(stage: str) -> Alias:
    """The alias a person means: production is the champion, staging the challenger; UsageError for any other word.

    >>> alias_of("production")
    'champion'
    """
    try:
        return _STAGES[stage.strip().lower()]
    except KeyError:
        raise UsageError(
            f"there is no stage {stage!r}{did_you_mean(stage, _STAGES)}", hint="stages: production (champion), staging (challenger)"
        ) from None


def promotion(version: int, aliases: Mapping[Alias, int], verdict: Verdict | None, *, forced: bool = False, why: str = "") -> Move:
    """Make a version the champion; the champion before it becomes `previous`, and it stops being the challenger.

    `verdict` is the gate's word on the version, None if no gate ever judged it. Without a pass it takes `forced` and a reason:
    RefusedError otherwise. What is champion already stays so, whatever its gate said.
    """
    champion = aliases.get("champion")
    if champion == version:
        return Move(aliases=dict(aliases), changed=False, forced=False, reason=because("registry.already_champion", version=version))
    overridden = _override(version, "champion", verdict, forced, why)
    after: dict[Alias, int] = {"champion": version}
    challenger = aliases.get("challenger")
    if challenger is not None and challenger != version:
        after["challenger"] = challenger
    if champion is not None:
        after["previous"] = champion
    return Move(aliases=after, changed=True, forced=overridden, reason=_because("promoted", version, overridden, why))


def staging(version: int, aliases: Mapping[Alias, int], verdict: Verdict | None, *, forced: bool = False, why: str = "") -> Move:
    """Make a version the challenger, instead of the one that is. The champion cannot challenge itself: RefusedError.

    A version whose gate did not pass takes `forced` and a reason here too, because a challenger may answer requests.
    """
    if aliases.get("challenger") == version:
        return Move(aliases=dict(aliases), changed=False, forced=False, reason=because("registry.already_challenger", version=version))
    if aliases.get("champion") == version:
        raise RefusedError(
            f"version {version} is the champion and cannot be its own challenger",
            hint="promote another version first, or roll back",
        )
    overridden = _override(version, "challenger", verdict, forced, why)
    after: dict[Alias, int] = {**aliases, "challenger": version}
    if after.get("previous") == version and "champion" not in after:
        del after["previous"]
    return Move(aliases=after, changed=True, forced=overridden, reason=_because("staged", version, overridden, why))


def rollback(aliases: Mapping[Alias, int], *, why: str = "") -> Move:
    """Make `previous` the champion again. The version that gave way keeps no alias: going forward to it again is a promotion."""
    champion, previous = aliases.get("champion"), aliases.get("previous")
    if champion is None:
        raise RefusedError("there is no champion to roll back from", hint="promote a version first")
    if previous is None:
        raise RefusedError(
            f"there is no version before {champion} to roll back to", hint="name the one that should serve: flyball promote NAME@VERSION"
        )
    after: dict[Alias, int] = {"champion": previous}
    challenger = aliases.get("challenger")
    if challenger is not None and challenger != previous:
        after["challenger"] = challenger
    code = "registry.rolled_back_because" if why else "registry.rolled_back"
    return Move(aliases=after, changed=True, forced=False, reason=because(code, version=champion, to=previous, why=why))


def _override(version: int, alias: Alias, verdict: Verdict | None, forced: bool, why: str) -> bool:
    """Whether the gate's word has to be overridden; RefusedError if that is not allowed as asked."""
    if verdict is Verdict.PASS:
        return False
    said = "was never judged by a gate" if verdict is None else f"has the gate verdict {verdict.value!r}"
    if not forced:
        raise RefusedError(
            f"version {version} {said}, so it cannot become {alias}",
            hint='look at it with `flyball why`, or override it: --force --reason "…"',
        )
    if not why.strip():
        raise RefusedError(f"version {version} {said}; overriding that needs a reason", hint='add --reason "…"')
    return True


def _because(what: str, version: int, forced: bool, why: str) -> Reason:
    if forced:
        return because(f"registry.{what}_by_force", version=version, why=why.strip())
    if why.strip():
        return because(f"registry.{what}_because", version=version, why=why.strip())
    return because(f"registry.{what}", version=version)
