"""What every table of deployments keeps to."""
# ruff: noqa: D102 - a test's name is its sentence

from datetime import timedelta

from flyball.ports.serving import Deployments
from flyball.serving.records import Swap
from flyball.testing.samples import Clock, deployment

SPAN = timedelta(seconds=30)


class DeploymentsSuite:
    """Inherit, and give the fixtures `clock` (a `samples.Clock`) and `deployments` (empty, with that clock)."""

    def test_nothing_is_current_before_the_first_deployment(self, deployments: Deployments) -> None:
        assert deployments.current("churn") is None

    def test_what_was_published_is_current_with_all_its_parts(self, deployments: Deployments) -> None:
        deployments.publish(deployment(3))
        deployments.publish(deployment(8, model="fraud", champion=None))
        assert deployments.current("churn") == deployment(3)
        assert deployments.current("fraud") == deployment(8, model="fraud", champion=None)

    def test_a_deployment_never_gives_way_to_an_older_one(self, deployments: Deployments) -> None:
        deployments.publish(deployment(5, champion=2))
        deployments.publish(deployment(4, champion=1))
        assert deployments.current("churn") == deployment(5, champion=2)
        deployments.publish(deployment(6, champion=9))
        assert deployments.current("churn") == deployment(6, champion=9)

    def test_a_worker_is_listed_with_what_it_acknowledged_last_and_its_error(self, deployments: Deployments) -> None:
        deployments.acknowledge("churn", "w1", 3)
        deployments.acknowledge("churn", "w0", 2)
        deployments.acknowledge("churn", "w0", 3, "bundle is damaged")
        deployments.acknowledge("fraud", "w0", 9)
        assert deployments.workers("churn") == {"w0": (3, "bundle is damaged"), "w1": (3, "")}
        assert deployments.workers("fraud") == {"w0": (9, "")}
        assert deployments.workers("unheard of") == {}

    def test_a_worker_not_heard_of_for_ten_seconds_is_not_listed(self, deployments: Deployments, clock: Clock) -> None:
        deployments.acknowledge("churn", "w0", 3)
        deployments.acknowledge("churn", "w1", 3)
        clock.advance(timedelta(seconds=6))
        deployments.acknowledge("churn", "w1", 3)
        clock.advance(timedelta(seconds=6))
        assert deployments.workers("churn") == {"w1": (3, "")}
        deployments.acknowledge("churn", "w0", 4)
        assert deployments.workers("churn") == {"w0": (4, ""), "w1": (3, "")}

    def test_what_is_prepared_with_nobody_alive_is_current_at_once(self, deployments: Deployments, clock: Clock) -> None:
        deployments.prepare(deployment(3), within=SPAN)
        assert deployments.current("churn") == deployment(3) and deployments.pending("churn") is None
        deployments.acknowledge("churn", "w0", 3)
        clock.advance(timedelta(seconds=4))
        deployments.prepare(deployment(4), within=SPAN)
        assert deployments.current("churn") == deployment(4) and deployments.pending("churn") is None

    def test_what_is_prepared_becomes_current_only_when_it_is_committed(self, deployments: Deployments) -> None:
        deployments.publish(deployment(3))
        deployments.acknowledge("churn", "w0", 3)
        deployments.prepare(deployment(5), within=SPAN)
        assert deployments.current("churn") == deployment(3)
        swap = pending(deployments)
        assert (swap.deployment, swap.waiting, swap.ready, swap.due) == (deployment(5), ("w0",), (), False)
        deployments.commit("churn", 4)  # that is another one
        assert deployments.current("churn") == deployment(3)
        deployments.commit("churn", 5)
        assert deployments.current("churn") == deployment(5) and deployments.pending("churn") is None
        deployments.commit("churn", 5)
        assert deployments.current("churn") == deployment(5)

    def test_it_is_due_when_every_live_worker_has_answered_and_one_of_them_can(self, deployments: Deployments) -> None:
        for worker in ("w0", "w1"):
            deployments.acknowledge("churn", worker, 3)
        deployments.prepare(deployment(5), within=SPAN)
        deployments.ready("churn", "w0", 4)  # an older one
        assert pending(deployments).waiting == ("w0", "w1")
        deployments.ready("churn", "w0", 5, "bundle is damaged")
        swap = pending(deployments)
        assert (dict(swap.failed), swap.waiting, swap.due) == ({"w0": "bundle is damaged"}, ("w1",), False)
        deployments.ready("churn", "w1", 5)
        swap = pending(deployments)
        assert (swap.ready, swap.waiting, swap.due) == (("w1",), (), True)
        assert deployments.workers("churn") == {"w0": (3, ""), "w1": (3, "")}  # what they answer with is another thing

    def test_where_nobody_can_answer_with_it_it_never_is_due(self, deployments: Deployments, clock: Clock) -> None:
        deployments.acknowledge("churn", "w0", 3)
        deployments.prepare(deployment(5), within=SPAN)
        deployments.ready("churn", "w0", 5, "bundle is damaged")
        assert not pending(deployments).due
        clock.advance(SPAN)
        deployments.acknowledge("churn", "w0", 3, "bundle is damaged")
        swap = pending(deployments)
        assert swap.overdue and not swap.due

    def test_a_worker_that_lets_its_time_pass_hinders_nobody(self, deployments: Deployments, clock: Clock) -> None:
        for worker in ("w0", "w1"):
            deployments.acknowledge("churn", worker, 3)
        deployments.prepare(deployment(5), within=SPAN)
        deployments.ready("churn", "w0", 5)
        clock.advance(SPAN)
        for worker in ("w0", "w1"):
            deployments.acknowledge("churn", worker, 3)
        swap = pending(deployments)
        assert (swap.ready, swap.waiting, swap.overdue, swap.due) == (("w0",), ("w1",), True, True)

    def test_a_worker_that_is_gone_is_not_waited_for(self, deployments: Deployments, clock: Clock) -> None:
        for worker in ("w0", "w1"):
            deployments.acknowledge("churn", worker, 3)
        deployments.prepare(deployment(5), within=SPAN)
        clock.advance(timedelta(seconds=4))
        deployments.ready("churn", "w1", 5)
        assert pending(deployments).due

    def test_what_is_published_at_once_gives_up_what_is_being_prepared(self, deployments: Deployments) -> None:
        deployments.publish(deployment(3, champion=1))
        deployments.acknowledge("churn", "w0", 3)
        deployments.prepare(deployment(5, champion=2), within=SPAN)
        deployments.publish(deployment(6, champion=1))
        assert deployments.pending("churn") is None and deployments.current("churn") == deployment(6, champion=1)

    def test_what_is_prepared_gives_way_to_what_is_newer_and_not_to_what_is_older(self, deployments: Deployments) -> None:
        deployments.publish(deployment(3))
        deployments.acknowledge("churn", "w0", 3)
        deployments.prepare(deployment(2, champion=9), within=SPAN)
        assert deployments.pending("churn") is None
        deployments.prepare(deployment(3, champion=9), within=SPAN)  # the same entry of the journal, seen with other eyes
        assert pending(deployments).deployment == deployment(3, champion=9)
        deployments.prepare(deployment(5, champion=2), within=SPAN)
        deployments.ready("churn", "w0", 5)
        deployments.prepare(deployment(4, champion=7), within=SPAN)
        assert pending(deployments).deployment == deployment(5, champion=2)
        deployments.prepare(deployment(6, champion=4), within=SPAN)
        swap = pending(deployments)
        assert (swap.deployment, swap.waiting, swap.ready) == (deployment(6, champion=4), ("w0",), ())
        deployments.publish(deployment(5, champion=2))  # an older one: current, and what is newer stays on its way
        assert deployments.current("churn") == deployment(5, champion=2)
        assert pending(deployments).deployment == deployment(6, champion=4)


def pending(deployments: Deployments) -> Swap:
    """What is being prepared."""
    swap = deployments.pending("churn")
    assert swap is not None
    return swap
