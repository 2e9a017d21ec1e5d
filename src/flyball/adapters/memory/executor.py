"""Jobs inside this process: each runs when it is first asked about, so that a replay is a function of its inputs."""

from collections.abc import Callable

from flyball.core.errors import FlyballError
from flyball.ports.training import Job, JobState


class MemoryExecutor:
    """The port `Executor`. `run` does a job and gives the JSON it would have printed; a FlyballError it raises is the job's failure."""

    def __init__(self, run: Callable[[Job], str]) -> None:
        self._run = run
        self._waiting: dict[str, Job] = {}
        self._ended: dict[str, JobState] = {}

    def submit(self, job: Job) -> None:
        """Note it and return at once; the same `action` again changes nothing."""
        if job.action not in self._ended:
            self._waiting.setdefault(job.action, job)

    def poll(self, action: str) -> JobState:
        """Run it if it has not run yet, and say how it ended; `lost` if it was never submitted."""
        job = self._waiting.pop(action, None)
        if job is not None:
            try:
                self._ended[action] = JobState(state="done", result=self._run(job), message="")
            except FlyballError as error:
                self._ended[action] = JobState(state="failed", result="", message=str(error))
        return self._ended.get(action) or JobState(state="lost", result="", message=f"nothing is known of the job {action}")

    def cancel(self, action: str) -> None:
        """It will not run, if it has not yet."""
        if self._waiting.pop(action, None) is not None:
            self._ended[action] = JobState(state="failed", result="", message="cancelled")
