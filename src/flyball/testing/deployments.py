"""What every table of deployments keeps to."""
# ruff: noqa: D102 - a test's name is its sentence

from datetime import timedelta

from flyball.ports.serving import Deployments
from flyball.testing.samples import Clock, deployment


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
