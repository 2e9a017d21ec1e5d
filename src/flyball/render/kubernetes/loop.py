"""The loop: a process that always runs, or one that looks at set times; and the Job that makes a version."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from flyball.core.errors import SpecError
from flyball.plan.records import Step
from flyball.render.dump import Tree
from flyball.render.kubernetes.naming import metadata, selector
from flyball.render.kubernetes.pods import PLACE, container, copied, pod, quantities
from flyball.render.kubernetes.records import Cluster, Manifest
from flyball.spec.delivery import GIB, Resources

LOOP, TRAINING = "loop", "training"
MODEST = Resources(cpu=0.5, memory=GIB)
_FINISHES = timedelta(minutes=5)  # what a look may still take when the pod is to end
_NEVER = "0 0 1 1 *"  # a schedule for what only runs when it is asked to


def loop_deployment(cluster: Cluster) -> Manifest:
    """One process that looks, decides, and trains inside its own pod. A second one would wait for the first: its lease says who acts."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(cluster, LOOP, suffix="-loop"),
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 5,
            "selector": {"matchLabels": selector(cluster, LOOP)},
            "strategy": {"type": "Recreate"},
            "template": pod(
                cluster,
                LOOP,
                [_looping(cluster)],
                before=[copied(cluster)],
                grace=_FINISHES,
                shareProcessNamespace=True,  # orphans of a training that was ended find somebody who buries them
            ),
        },
    }


def _looping(cluster: Cluster) -> dict[str, Tree]:
    plan, wanted = cluster.plan, cluster.spec.resources
    if wanted.gpu:
        raise SpecError(
            f"a loop that always runs would keep {wanted.gpu} GPU to itself, which it needs only while it trains",
            hint="add --loop cronjob: a pod that looks at set times, and goes when its training has ended",
        )
    words = [*_environment(plan.watch), "up", "--no-server", "--every", f"{int(plan.look.total_seconds())}s"]
    made = _container(cluster, LOOP, words, quantities(MODEST, otherwise=MODEST))
    most: dict[str, Tree] = {}
    if wanted.memory is not None:
        most = quantities(replace(wanted, cpu=None, memory=wanted.memory + GIB), otherwise=MODEST)
    asked = {"requests": quantities(Resources(), otherwise=MODEST)["requests"], **({"limits": most["limits"]} if most else {})}
    stuck = int((plan.watch.timeout + plan.look).total_seconds())
    hangs = f"import os, time; raise SystemExit(time.time() - os.stat('{PLACE}/.flyball/looked').st_mtime > {stuck})"
    return {
        **made,
        "resources": asked,
        "livenessProbe": {
            "exec": {"command": ["python", "-c", hangs]},
            "initialDelaySeconds": stuck,
            "periodSeconds": 60,
            "timeoutSeconds": 10,
            "failureThreshold": 2,
        },
    }


def loop_cronjob(cluster: Cluster) -> Manifest:
    """A look at set times. Its pod stays until a training that it started has ended, and no second one looks meanwhile."""
    plan, spec = cluster.plan, cluster.spec
    seconds = int((plan.watch.timeout + spec.train.timeout).total_seconds())
    made = _container(cluster, LOOP, [*plan.watch.verb, "--wait"], quantities(spec.resources, otherwise=MODEST))
    return _cronjob(
        cluster,
        LOOP,
        "-loop",
        schedule(plan.look),
        [made],
        before=[copied(cluster)],
        seconds=seconds,
        startingDeadlineSeconds=max(60, int(plan.look.total_seconds()) // 2),
    )


def training(cluster: Cluster) -> Manifest:
    """What makes a new version, a container for each step of the plan, in its order. It runs when it is asked to:
    `kubectl create job --from=cronjob/NAME-train NAME-train-1`.
    """
    steps = cluster.plan.renew
    made = [_container(cluster, one.name, one.verb, quantities(one.resources, otherwise=MODEST)) for one in steps]
    seconds = int(sum((one.timeout for one in steps), start=timedelta()).total_seconds())
    return _cronjob(cluster, TRAINING, "-train", _NEVER, made[-1:], before=[copied(cluster), *made[:-1]], seconds=seconds, suspend=True)


def schedule(look: timedelta) -> str:
    """Every so often, in the words of cron, which knows parts of an hour and of a day only; SpecError for what it cannot say.

    >>> schedule(timedelta(minutes=10)), schedule(timedelta(hours=6)), schedule(timedelta(days=1))
    ('*/10 * * * *', '0 */6 * * *', '0 0 * * *')
    """
    minutes, rest = divmod(int(look.total_seconds()), 60)
    if not rest and minutes < 60 and 60 % minutes == 0:
        return "* * * * *" if minutes == 1 else f"*/{minutes} * * * *"
    if not rest and minutes < 1440 and 1440 % minutes == 0 and minutes % 60 == 0:
        return "0 * * * *" if minutes == 60 else f"0 */{minutes // 60} * * *"
    if not rest and minutes == 1440:
        return "0 0 * * *"
    raise SpecError(
        f"a CronJob cannot look every {look}: it knows equal parts of an hour and of a day",
        hint='write look = "10m" (or 5m, 15m, 30m, 1h, 6h, 1d) under [deliver], or leave --loop cronjob out',
    )


def _container(cluster: Cluster, name: str, words: Sequence[str], resources: Tree) -> dict[str, Tree]:
    return container(cluster, name, cluster.image, words, resources=resources, secrets=cluster.plan.secrets)


def _environment(step: Step) -> tuple[str, ...]:
    """The words before the verb: `--env NAME`, or nothing."""
    return step.verb[:2] if step.verb[0] == "--env" else ()


def _cronjob(
    cluster: Cluster,
    component: str,
    suffix: str,
    schedule: str,
    containers: Sequence[Tree],
    *,
    before: Sequence[Tree],
    seconds: int,
    **more: Tree,
) -> Manifest:
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata(cluster, component, suffix=suffix),
        "spec": {
            "schedule": schedule,
            "concurrencyPolicy": "Forbid",
            **more,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "spec": {
                    "backoffLimit": 0,
                    "activeDeadlineSeconds": seconds,
                    "ttlSecondsAfterFinished": 7 * 86_400,
                    "template": pod(
                        cluster,
                        component,
                        containers,
                        before=before,
                        grace=timedelta(seconds=30),
                        restartPolicy="Never",
                        shareProcessNamespace=True,
                    ),
                }
            },
        },
    }
