"""The table of deployments in SQLite."""

import pytest

from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.deployments import SqliteDeployments
from flyball.core.errors import UnsupportedError
from flyball.testing.deployments import DeploymentsSuite
from flyball.testing.samples import Clock, deployment


class TestSqliteDeployments(DeploymentsSuite):
    @pytest.fixture
    def deployments(self, database: Database, clock: Clock) -> SqliteDeployments:
        return SqliteDeployments(database, clock=clock)


def test_a_deployment_written_by_a_newer_flyball_is_not_guessed_at(database: Database, clock: Clock) -> None:
    deployments = SqliteDeployments(database, clock=clock)
    deployments.publish(deployment(1))
    with database.write() as connection:
        connection.execute("UPDATE deployments SET format = 99")
    with pytest.raises(UnsupportedError, match="newer"):
        deployments.current("churn")
