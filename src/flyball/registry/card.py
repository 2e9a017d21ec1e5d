"""The model card: what a training made, what it learned from, how good it was and what was decided about it, as Markdown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from flyball.core.reason import Reason
from flyball.evaluation.records import Decision, Evaluation, SliceComparison
from flyball.registry.records import Manifest

_SLICES = 20  # a card is read by people; every slice stands in the run


def model_card(
    manifest: Manifest, evaluation: Evaluation, decision: Decision, sentence: Callable[[Reason], str], *, notes: Sequence[Reason] = ()
) -> str:
    """The card of what a training made, before it has a version. `sentence` puts a reason into the reader's words.

    `notes`: what is to be known of the rows it learned from.
    """
    parts = [
        f"# {_text(manifest.model)}",
        _opening(manifest, evaluation),
        _section("Held-out metrics", _metrics(evaluation)),
        _section("Slices", _slices(evaluation.slices)),
        _section("Gate", _gate(decision, sentence)),
        _section("Against the champion by slice", _compared(decision.slices)),
        _section("Data", _data(manifest, [sentence(note) for note in notes])),
        _section("Features", _features(manifest)),
        _section("Engine", _engine(manifest)),
        _section("Lineage", _lineage(manifest)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(manifest: Manifest, evaluation: Evaluation) -> str:
    answers = {
        "binary": f"Answers `{_code(manifest.classes[-1])}` from a probability of {manifest.threshold:g} on." if manifest.classes else "",
        "multiclass": f"Answers one of {len(manifest.classes)} classes, the most probable.",
        "regression": "Answers a number.",
    }
    made = _when(manifest.created_at)
    return f"{manifest.task.capitalize()} model, made {made}. {answers[manifest.task]} Judged on {evaluation.rows:,} rows held out."


def _metrics(evaluation: Evaluation) -> str:
    rows = []
    for name, value in evaluation.metrics.items():
        lower, upper = evaluation.lower.get(name), evaluation.upper.get(name)
        bounds = f"{lower:.4f} to {upper:.4f}" if lower is not None and upper is not None else "unknown"
        rows.append((f"`{_code(name)}`", f"{value:.4f}", bounds))
    note = f"\n\nBounds hold with 95 % confidence, over {evaluation.blocks:,} blocks of rows that share a day or a unit." if rows else ""
    return _table(("metric", "value", "bounds"), rows) + note


def _slices(slices: Mapping[str, Mapping[str, float]]) -> str:
    if not slices:
        return ""
    names = list(dict.fromkeys(name for metrics in slices.values() for name in metrics))
    shown = list(slices.items())[:_SLICES]
    rows = [(f"`{_code(key)}`", *(f"{metrics[n]:.4f}" if n in metrics else "" for n in names)) for key, metrics in shown]
    more = f"\n\n{len(slices) - _SLICES} more slices stand in the run." if len(slices) > _SLICES else ""
    return _table(("slice", *names), rows) + more


def _gate(decision: Decision, sentence: Callable[[Reason], str]) -> str:
    lines = [f"Verdict: **{decision.verdict.value}**"]
    lines += [f"- `{_code(check.metric) or 'gate'}`: {check.verdict.value}: {_text(sentence(check.reason))}" for check in decision.checks]
    return "\n".join([lines[0], "", *lines[1:]])


def _compared(slices: Sequence[SliceComparison]) -> str:
    if not slices:
        return ""
    rows = [
        (
            f"`{_code(one.slice)}`",
            f"{one.comparison.gain:+.4f}",
            f"{one.comparison.lower:+.4f} to {one.comparison.upper:+.4f}",
            f"{one.comparison.rows:,}",
        )
        for one in slices[:_SLICES]
    ]
    metric = _code(slices[0].comparison.metric)
    note = f"\n\nGain in `{metric}` on rows new to both; positive is better. The bounds hold together with 95 % confidence on each side."
    return _table(("slice", "gain", "bounds", "rows"), rows) + note


def _data(manifest: Manifest, notes: Sequence[str]) -> str:
    lines = [f"- snapshot `{_code(manifest.lineage.snapshot)}`"]
    if manifest.lineage.dvc_md5:
        lines.append(f"- DVC md5 `{_code(manifest.lineage.dvc_md5)}`")
    if manifest.trained_from is not None and manifest.trained_until is not None:
        lines.append(f"- trained on rows from {_when(manifest.trained_from)} to {_when(manifest.trained_until)}")
    lines += [f"- {_text(note)}" for note in notes]
    return "\n".join(lines)


def _features(manifest: Manifest) -> str:
    rows = []
    for column in manifest.schema.columns:
        known = f"{len(column.categories):,} known" if column.categories else ""
        rows.append((f"`{_code(column.name)}`", column.kind, "may be missing" if column.nullable else "never missing", known))
    return _table(("feature", "kind", "missing", "categories"), rows)


def _engine(manifest: Manifest) -> str:
    lines = [f"`{manifest.engine}`" + (f": {_text(manifest.engine_reason)}" if manifest.engine_reason else "")]
    parity = manifest.parity
    if parity is not None:
        lines.append(
            f"Against the trained model over {parity.rows:,} rows: {parity.differing_labels} labels differ, the largest difference of a"
            f" score is {parity.largest_difference:.2g} (tolerance {parity.tolerance:.2g})."
        )
    if parity is not None and parity.edge_rows:
        lines.append(
            f"Over {parity.edge_rows:,} rows made to find differences (values on a cut and beside it, whole numbers, very large, missing"
            f" and infinite ones, unseen categories, as far as the trained model answers them): {parity.edge_differing} labels differ, the"
            f" largest difference is {parity.edge_largest:.2g}."
        )
    if parity is not None and parity.thresholds:
        lines.append(f"Thresholds: {_text(parity.thresholds)}.")
    return "\n\n".join(lines)


def _lineage(manifest: Manifest) -> str:
    lineage = manifest.lineage
    commit = f"`{_code(lineage.commit)}`" if lineage.commit else "none: the project was not in git"
    dirty = f", with uncommitted changes (digest `{_code(lineage.dirty_diff_sha256)}`)" if lineage.dirty_diff_sha256 else ""
    return "\n".join(
        [
            f"- run `{_code(lineage.run_id)}`",
            f"- commit {commit}{dirty}",
            f"- spec `{_code(lineage.spec_digest)}`",
            f"- code `{_code(lineage.code_digest)}`",
            f"- environment `{_code(lineage.environment_sha256)}`",
        ]
    )


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}" if body else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _when(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")


def _text(value: object) -> str:
    """Text as text: nothing in it becomes markup, a link or a table cell."""
    plain = " ".join(str(value).split())
    for sign in "\\`*_[]<>|#":
        plain = plain.replace(sign, "\\" + sign if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return plain


def _code(value: object) -> str:
    """Text between backquotes: what would end the quotes or the table cell is replaced."""
    return " ".join(str(value).split()).replace("`", "'").replace("|", "¦")
