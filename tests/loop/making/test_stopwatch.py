"""Seconds per stage, and of the processor."""

from flyball.loop.making.stopwatch import Stopwatch


def test_stages_add_up_and_the_processor_counts_what_others_did_for_this_one() -> None:
    clock, cpu = iter([0.0, 1.0, 3.0, 7.0, 10.0]), iter([0.5, 2.0])
    watch = Stopwatch(timer=lambda: next(clock), cpu=lambda: next(cpu))
    watch.lap("read")
    watch.lap("fit")
    watch.lap("read")
    watch.add_cpu(4.0)
    assert watch.seconds() == {"read": 5.0, "fit": 2.0, "total": 10.0, "cpu": 5.5}
