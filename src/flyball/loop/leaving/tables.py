"""The tables of an export, and what each column means: a contract with whoever reads them when Flyball is gone."""

from flyball.loop.leaving.records import ColumnSaid, Kind, TableSaid


def _table(says: str, **columns: tuple[Kind, str]) -> TableSaid:
    return TableSaid(says=says, columns={name: ColumnSaid(kind=kind, says=told) for name, (kind, told) in columns.items()})


TABLES = {
    "predictions": _table(
        "One row for each prediction: those that were answered, and what versions in shadow said of the same rows.",
        prediction_id=("text", "made by the server; a shadow has that of the answered row"),
        model=("text", "the model's name"),
        version=("integer", "the model version that said it"),
        variant=("text", "who answered: champion, challenger, holdback, pinned, …; `shadow`: it was not answered"),
        worker=("text", "the process that answered; begins with `elsewhere` for predictions made elsewhere"),
        at=("time", "event time"),
        made_at=("time", "when it was answered, by the server's clock"),
        unit=("text", "who it is about: what traffic is shared out by"),
        entity=("text", "the row's own id"),
        client_id=("text", "the id the client gave it"),
        label=("value", "the answer"),
        score=(
            "value",
            "probability of the positive class, or the value; of several classes a list, in the order of the version's classes",
        ),
        propensity=("number", "how likely this variant was to answer; missing: nothing was left to chance"),
        features=("values", "what was asked; answered rows only"),
        context=("values", "what was said beside it and the model never saw; answered rows only"),
    ),
    "outcomes": _table(
        "One row for each answered prediction of this export whose outcome is known.",
        prediction_id=("text", "the prediction it belongs to"),
        version=("integer", "the model version that answered"),
        actual=("value", "what really happened"),
        at=("time", "when it became known"),
        value=("number", "what it was worth, in whatever unit it was told"),
    ),
    "counts": _table(
        "How many values of a column fell into each cell, by span of event time: what drift is measured from. Cells without a value have "
        "no row.",
        version=("integer", "whose rows were counted"),
        against=("integer", "the version on whose reference they were counted"),
        reference=("text", "digest of that reference"),
        variant=("text", "who answered the rows"),
        start=("time", "start of the span"),
        end=("time", "its end, not included"),
        number=("integer", "number of the cell among all of this reference"),
        column=("text", "the feature, `score`, …; missing where the version's bundle is not here"),
        cell=("text", "range, below, above, category, other, missing, unparsable, -inf, +inf"),
        lower=("number", "a range holds numbers above this"),
        upper=("number", "… up to and including this"),
        category=("text", "the category that was counted"),
        count=("integer", "how many values"),
    ),
    "hours": _table(
        "How many rows were counted of each hour.",
        version=("integer", "whose rows were counted"),
        against=("integer", "the version on whose reference they were counted"),
        reference=("text", "digest of that reference"),
        variant=("text", "who answered the rows"),
        hour=("time", "start of the hour of their event time"),
        rows=("integer", "how many"),
    ),
    "requests": _table(
        "How many requests for predictions got a status in a minute; kept for 30 days.",
        minute=("time", "start of the minute"),
        status=("integer", "HTTP status; 200: they were answered"),
        requests=("integer", "how many"),
    ),
    "reports": _table(
        "What monitoring found, window by window: drift of every column, performance, data quality.",
        version=("integer", "the version that was looked at"),
        start=("time", "start of the window"),
        end=("time", "its end, not included"),
        rows=("integer", "rows in the window"),
        report=("json", "all of it"),
    ),
    "journal": _table(
        "Everything that happened, as it was appended: `hash` is the SHA-256 of the canonical JSON (RFC 8785) of the other fields, with `at` "
        "in microseconds since 1970.",
        model=("text", "the model's name"),
        seq=("integer", "number of the entry: 1, 2, 3 … without gaps"),
        format=("integer", "of the entry"),
        at=("time", "when it was appended"),
        actor=("text", "by whom"),
        kind=("text", "what happened"),
        event=("json", "the event with its evidence"),
        prev_hash=("text", "hash of the entry before; zeros for the first"),
        hash=("text", "hash of this entry"),
    ),
}
