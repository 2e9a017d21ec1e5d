"""What a live comparison found, as the journal keeps it (numbers) and as a sentence names it (values)."""

from datetime import timedelta

from flyball.core.reason import Value
from flyball.monitoring.records import ArmsEvidence, PairedEvidence

Compared = PairedEvidence | ArmsEvidence
# So long past its end a comparison waits for a measurement that fails.
GRACE = timedelta(days=1)


def numbers(found: Compared) -> dict[str, float]:
    """The figures of a comparison as the journal keeps them."""
    kept: dict[str, float] = {"gain": found.gain, "rows": found.rows, "blocks": found.blocks, "alpha": found.alpha}
    if found.lower is not None:
        kept["lower"] = found.lower
    if found.upper is not None:
        kept["upper"] = found.upper
    if isinstance(found, ArmsEvidence):
        kept |= {
            "live_blocks": found.live_blocks,
            "champion_units": found.champion.labelled_units,
            "challenger_units": found.challenger.labelled_units,
            "ratio_p": found.ratio_p,
            "ratio_p_labelled": found.ratio_p_labelled,
        }
        if found.preferred is not None:
            kept["preferred"] = found.preferred
    return kept


def told(found: Compared) -> dict[str, Value]:
    """The values that sentences about a comparison name."""
    values: dict[str, Value] = {
        "version": found.version,
        "against": found.against,
        "metric": found.metric,
        "gain": found.gain,
        "lower": found.lower,
        "upper": found.upper,
        "rows": found.rows,
        "days": found.blocks,
    }
    if isinstance(found, ArmsEvidence):
        return {**values, "block": found.block, "days": found.live_blocks, "blocks": found.blocks}
    return {**values, "missed": found.missed}
