"""The evaluation of a training as Markdown, for a comment on a change. Nothing from the data becomes markup, a link or a mention."""

from collections.abc import Iterable, Mapping, Sequence

from flyball.core.reason import Reason, Value
from flyball.core.slug import slug
from flyball.loop.making.examined import Against, Examined, Moved
from flyball.loop.making.trained import TrainResult
from flyball.monitoring.records import RANK, ColumnDrift
from flyball.render.report.text import clean, cleaned
from flyball.words.sentences import Language, sentence

MOST = 60_000
"""Platforms refuse longer comments; all of it stands in the page beside it."""
_SHOWN, _COLUMNS = 20, 12
_BAR = 10
_MARKS = {"pass": "✅", "fail": "❌", "undecided": "❔", "not applicable": "➖"}


def markdown(result: TrainResult, found: Examined, language: Language = "en") -> str:
    """The comment. Its first line is a mark that tells comments about this model from others."""
    say = _Say(language)
    verdict = result.gate.verdict.value
    parts = [
        mark(result.model),
        f"## {_MARKS[verdict]} {say('title', model=_text(result.model), verdict=verdict)}",
        _nothing_new(result, say),
        _opening(result, found.held, say),
        _compared(result, found.against, say),
        _gate(result, say),
        _slices(result, say),
        "" if found.moved is None else _moved(result.model, found.moved, say),
        _warnings(result, say),
    ]
    text = "\n\n".join(part for part in parts if part) + "\n"
    return text if len(text) <= MOST else text[:MOST].rsplit("\n", 1)[0] + "\n\n…\n"


def with_tests(text: str, count: int, failed: Sequence[str], *, link: str = "", language: Language = "en") -> str:
    """The comment with what the model's tests said, and where the plots are."""
    say, parts = _Say(language), [text.rstrip("\n")]
    if count:
        sign = _MARKS["fail" if failed else "pass"]
        parts.append(f"{sign} {say('tests', count=count, failed=len(failed))}")
        if failed:
            parts.append("\n".join(f"- `{_code(name)}`" for name in failed[:_SHOWN]))
    if link.startswith(("https://", "http://")) and link.isprintable() and not set(link) & set(" <>()[]"):
        parts.append(say("plots", link=link))
    return "\n\n".join(parts) + "\n"


def mark(model: str) -> str:
    """What a comment about a model begins with; readers do not see it."""
    return f"<!-- flyball {slug(model)} -->"


class _Say:
    """The words of the evaluation in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, code: str, **values: Value) -> str:
        return sentence(Reason(code=f"review.{code}", values=values), self.language)

    def tell(self, reason: Reason) -> str:
        return _text(sentence(cleaned(reason), self.language))


def _nothing_new(result: TrainResult, say: _Say) -> str:
    """First of all that nothing is proposed here, for what follows was said of another day."""
    if result.status != "unchanged" or result.version is None:
        return ""
    return f"**{say('same', version=_version(result.model, result.version))}**"


def _opening(result: TrainResult, held: int, say: _Say) -> str:
    return say(
        "opening",
        rows=result.rows,
        held=held,
        snapshot=f"`{result.snapshot.digest[:12]}`",
        run=f"`{_code(result.run_id)}`",
        engine=f"`{_code(result.engine)}`",
    )


def _compared(result: TrainResult, against: Against | None, say: _Say) -> str:
    held = {name: _number(value, result.lower.get(name), result.upper.get(name)) for name, value in result.metrics.items()}
    title = f"### {say('metrics')}"
    if against is None or not against.gains:
        alone = [(f"`{_code(name)}`", *told) for name, told in held.items()]
        parts = [title, _table((say("metric"), say("held_out"), say("bounds")), alone), _why_not(result, against, say)]
        return "\n\n".join(part for part in parts if part)
    rows = []
    for name, told in held.items():
        gain = against.gains.get(name)
        gained = (f"{gain.gain:+.4f}", f"{gain.lower:+.4f} … {gain.upper:+.4f}") if gain is not None else ("–", "–")
        rows.append((f"`{_code(name)}`", *told, _value(against.candidate, name), _value(against.champion, name), *gained))
    head = ("metric", "held_out", "bounds", "this", "champion", "gain", "bounds")
    about = say("rows", version=_version(result.model, against.version), rows=against.rows, blocks=against.blocks)
    return "\n\n".join([title, f"{about} {say('gain_note')}", _table([say(one) for one in head], rows)])


def _why_not(result: TrainResult, against: Against | None, say: _Say) -> str:
    if against is None:
        return say("first") if result.status != "unchanged" else ""
    if against.trouble:
        return say("trouble", version=_version(result.model, against.version), error=_text(against.trouble))
    return say("no_rows", version=_version(result.model, against.version))


def _gate(result: TrainResult, say: _Say) -> str:
    lines = [
        f"- {_MARKS[one.verdict.value]} `{_code(one.metric or 'gate')}` {one.verdict.value}: {say.tell(one.reason)}"
        for one in result.gate.checks
    ]
    return f"### {say('gate')}: {result.gate.verdict.value}\n\n" + "\n".join(lines)


def _slices(result: TrainResult, say: _Say) -> str:
    if not result.slices:
        return ""
    names = list(dict.fromkeys(name for values in result.slices.values() for name in values))
    gains = {one.slice: one.comparison for one in result.gate.slices}
    head = [say("slice"), *(f"`{_code(name)}`" for name in names)]
    if gains:
        head += [f"{say('gain')} `{_code(next(iter(gains.values())).metric)}`", say("bounds")]
    rows = []
    for key, values in list(result.slices.items())[:_SHOWN]:
        row = [f"`{_code(key)}`", *(_value(values, name) for name in names)]
        if gains:
            one = gains.get(key)
            row += [f"{one.gain:+.4f}", f"{one.lower:+.4f} … {one.upper:+.4f}"] if one is not None else ["–", "–"]
        rows.append(row)
    more = f"\n\n{say('more', count=len(result.slices) - _SHOWN)}" if len(result.slices) > _SHOWN else ""
    return _folded(say("slices"), _table(head, rows) + more)


def _moved(model: str, moved: Moved, say: _Say) -> str:
    columns = sorted(moved.columns.items(), key=lambda one: (-RANK[one[1].state], -one[1].distance))
    drifted = sum(column.state == "drift" for column in moved.columns.values())
    about = say("drift_rows", rows=moved.rows, version=_version(model, moved.version), moved=drifted, watched=len(columns))
    rows = [
        (
            f"`{_code(name)}`",
            ("⚠️ " if column.state == "drift" else "") + column.state,
            f"{column.distance:.3f} {_bar(column)}",
            f"{column.lower:.3f} … {column.upper:.3f}",
            f"{column.threshold:.3f}",
        )
        for name, column in columns[:_COLUMNS]
    ]
    head = [say(one) for one in ("column", "state", "distance", "bounds", "limit")]
    more = f"\n\n{say('more', count=len(columns) - _COLUMNS)}" if len(columns) > _COLUMNS else ""
    return f"### {say('drift')}\n\n{about}\n\n" + _table(head, rows) + more


def _bar(column: ColumnDrift) -> str:
    """The distance as a part of its threshold, full when it is reached."""
    part = 0.0 if not column.threshold else min(column.distance / column.threshold, 1.0)
    full = round(part * _BAR)
    return "█" * full + "░" * (_BAR - full)


def _warnings(result: TrainResult, say: _Say) -> str:
    told = [*([result.window] if result.window is not None else []), *result.warnings]
    return _folded(say("warnings"), "\n".join(f"- {say.tell(one)}" for one in told)) if told else ""


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *rows])


def _number(value: float, lower: float | None, upper: float | None) -> tuple[str, str]:
    return f"{value:.4f}", f"{lower:.4f} … {upper:.4f}" if lower is not None and upper is not None else "–"


def _value(values: Mapping[str, float], name: str) -> str:
    return f"{values[name]:.4f}" if name in values else "–"


def _version(model: str, version: int | None) -> str:
    return f"`{_code(model)}@{version}`"


def _text(value: object) -> str:
    """Text as text: no markup, no link, no table cell, nobody mentioned, no reference to anything."""
    plain = clean(str(value), 400)
    for sign in "\\`*_[]|~$":
        plain = plain.replace(sign, "\\" + sign)
    for sign, said in {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@\u200b", "#": "#\u200b", "!": "!\u200b", "://": ":\u200b//"}.items():
        plain = plain.replace(sign, said)
    return plain


def _code(value: object) -> str:
    """Text between backquotes: what would end the quotes or the table cell is replaced."""
    return clean(str(value)).replace("`", "'").replace("|", "¦")
