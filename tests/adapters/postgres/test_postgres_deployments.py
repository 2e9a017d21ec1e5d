"""The table of deployments in PostgreSQL."""

import pytest

from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.deployments import PostgresDeployments
from flyball.core.errors import UnsupportedError
from flyball.testing.deployments import DeploymentsSuite
from flyball.testing.samples import Clock, deployment


class TestPostgresDeployments(DeploymentsSuite):
    @pytest.fixture
    def deployments(self, database: Database, clock: Clock) -> PostgresDeployments:
        return PostgresDeployments(database, clock=clock)


def test_a_deployment_written_by_a_newer_flyball_is_not_guessed_at(database: Database, clock: Clock) -> None:
    deployments = PostgresDeployments(database, clock=clock)
    deployments.publish(deployment(1))
    with database.write() as connection:
        connection.execute("UPDATE deployments SET format = 99")
    with pytest.raises(UnsupportedError, match="newer"):
        deployments.current("churn")
