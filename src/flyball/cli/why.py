"""`flyball why NAME@V`: every decision about a version, with its evidence."""

from collections.abc import Mapping

import click

from flyball.cli.frame import as_json, console, need, project, show_json, told, version_of, when
from flyball.core.verdict import Verdict
from flyball.journal.explain import Told, about, registered
from flyball.settings import Settings
from flyball.wiring import open_stores


@click.command()
@click.argument("version")
@as_json
@click.pass_context
def command(ctx: click.Context, version: str, as_json: bool) -> None:
    """Say why VERSION (NAME@3, or 3) was trained, what its gate said check by check, and everything that happened to it since."""
    settings, spec = project(ctx)
    number = version_of(version, spec.model.name)
    entries = open_stores(settings).journal.read(spec.model.name)
    made = registered(entries, number)
    need(made is not None, f"there is no {spec.model.name}@{number}", "`flyball models` lists the versions")
    assert made is not None
    story = about(entries, number)
    if as_json:
        show_json(
            {
                "model": spec.model.name,
                "version": number,
                "gate": {
                    "verdict": made.gate.verdict,
                    "checks": [{"metric": c.metric, "verdict": c.verdict, "reason": told(c.reason, settings)} for c in made.gate.checks],
                },
                "events": [_plain(one, settings) for one in story],
            }
        )
        return
    out = console()
    out.print(f"{spec.model.name}@{number}")
    for one in story:
        out.print(f"{when(one.entry.at)}  {one.action} (by {one.entry.actor}): {told(one.reason, settings)}")
        if one.entry.event is made:
            for check in made.gate.checks:
                mark = {Verdict.PASS: "passes", Verdict.FAIL: "fails"}.get(check.verdict, check.verdict.value)
                out.print(f"    gate {mark}: {told(check.reason, settings)}")
            out.print(f"    run {made.run_id}, data {made.snapshot}")
        for name, value in _evidence(one).items():
            out.print(f"    {name} {value:g}")


def _evidence(one: Told) -> Mapping[str, float]:
    found: Mapping[str, float] = getattr(one.entry.event, "evidence", {})
    return found


def _plain(one: Told, settings: Settings) -> dict[str, object]:
    return {
        "seq": one.entry.seq,
        "at": one.entry.at,
        "actor": one.entry.actor,
        "action": one.action,
        "version": one.version or None,
        "reason": told(one.reason, settings),
        "evidence": dict(_evidence(one)),
    }
