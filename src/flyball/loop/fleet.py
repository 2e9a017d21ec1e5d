"""The machines that serve one model: which version each of their workers answers with, what they get ready for, and who acts."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime

from flyball.core.record import record
from flyball.core.window import format_minute
from flyball.journal.events import Entry
from flyball.journal.leading import ALONE, Lease
from flyball.journal.state import fold
from flyball.ports.leading import Leases
from flyball.ports.serving import Deployments
from flyball.serving.records import Swap


@record
class Fleet:
    """What is known of the machines. `current`: the seq of what is to serve (0: nothing); `champions`: who answers by which seq, and
    `since` when that version was to answer.
    """

    workers: Mapping[str, tuple[int, str]]
    current: int = 0
    champions: Mapping[int, int | None]
    swap: Swap | None = None
    leader: Lease | None = None
    since: Mapping[int, datetime | None] = field(default_factory=dict)


def fleet_of(model: str, entries: Sequence[Entry], deployments: Deployments, leases: Leases | None) -> Fleet:
    """Look at the machines of a model whose journal holds these entries."""
    swap, current, workers = deployments.pending(model), deployments.current(model), deployments.workers(model)
    seqs = {seq for seq, _ in workers.values()} - {0}
    known = {seq: fold(model, [entry for entry in entries if entry.seq <= seq]) for seq in seqs}
    return Fleet(
        workers=workers,
        current=0 if current is None else current.seq,
        champions={seq: state.champion for seq, state in known.items()},
        since={seq: state.champion_since for seq, state in known.items()},
        swap=swap,
        leader=None if leases is None else leases.current(model),
    )


def worker_lines(fleet: Fleet) -> dict[str, str]:
    """What each worker answers with, and whether it is behind."""
    return {name: _worker(fleet, seq, error) for name, (seq, error) in fleet.workers.items()}


def swap_line(swap: Swap | None) -> str | None:
    """What is being prepared, and who has answered what."""
    if swap is None:
        return None
    deployment = swap.deployment
    said = [f"ready: {', '.join(swap.ready)}"] if swap.ready else []
    said += [f"waits for {', '.join(swap.waiting)}{' (late)' if swap.overdue else ''}"] if swap.waiting else []
    said += [f"{name} cannot: {why}" for name, why in swap.failed.items()]
    return f"version {deployment.champion} by journal entry {deployment.seq} is being prepared; {'; '.join(said) or 'nobody serves'}"


def leader_line(lease: Lease | None) -> str | None:
    """Which machine acts; None where there are no others."""
    return None if lease is None or lease.holder == ALONE else f"{lease.holder} until {format_minute(lease.until)}, epoch {lease.epoch}"


def _worker(fleet: Fleet, seq: int, error: str) -> str:
    if not seq:
        return "answers with nothing yet" + (f": {error}" if error else "")
    said = f"answers with version {fleet.champions.get(seq)}, by journal entry {seq}"
    said += f", behind entry {fleet.current}" if seq < fleet.current else ""
    return said + (f", could not go further: {error}" if error else "")
