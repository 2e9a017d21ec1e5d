"""The table of what can be rendered: a target, the function that makes its files, and what a person does with them next."""

from collections.abc import Callable
from importlib import import_module
from typing import cast

from flyball.core.errors import UsageError
from flyball.core.record import record
from flyball.core.schema import did_you_mean
from flyball.render.records import Files, Order


@record
class Target:
    """One target: `module:function` from an Order to files, what it is, and what to do with it (`{out}` is the folder).

    `theirs`: a file of which a project may have one of its own, and what that has to say: a line above, and one for each other file.
    `machines`: each step runs on a machine of its own, which finds the rows in DVC's remote.
    """

    function: str
    says: str
    then: str
    theirs: tuple[str, str, str] | None = None
    machines: bool = False


TARGETS = {
    "prometheus": Target(
        function="flyball.render.prometheus:files",
        says="scrape configuration, recording and alerting rules, and unit tests of the rules",
        then="try the rules: (cd {out} && promtool test rules flyball_test.yml); then: prometheus --config.file={out}/prometheus.yml",
    ),
    "grafana": Target(
        function="flyball.render.grafana:files",
        says="dashboards, and provisioning of the dashboards and their data source",
        then="copy {out}/provisioning to /etc/grafana/ and {out}/dashboards to /var/lib/grafana/dashboards/flyball, then restart Grafana",
    ),
    "github": Target(
        function="flyball.render.github:files",
        says="workflows of GitHub Actions: review of changes, and train, test, register, deploy",
        then="make the secrets that the files name (Settings, Secrets and variables, Actions), then commit and push {out}/.github",
        machines=True,
    ),
    "gitlab": Target(
        function="flyball.render.gitlab:files",
        says="pipelines of GitLab CI: review of changes, and train, test, register, deploy",
        then="make the variables that the files name (Settings, CI/CD, Variables), then commit and push the files of {out}",
        theirs=(".gitlab-ci.yml", "include:", "  - local: '/{name}'"),
        machines=True,
    ),
    "jenkins": Target(
        function="flyball.render.jenkins:files",
        says="a declarative Jenkinsfile with the same stages",
        then="make the credentials that the file names, commit it, and point a multibranch pipeline at the repository",
        machines=True,
    ),
    "cron": Target(
        function="flyball.render.cron:files",
        says="a crontab for the loop, where there is nothing else",
        then="look at the file of each model in {out}, then: crontab FILE (it replaces the crontab you have)",
    ),
    "systemd": Target(
        function="flyball.render.systemd:files",
        says="units of systemd: the server as a service, the loop on a timer",
        then="copy {out}/*.service and {out}/*.timer to /etc/systemd/system, then: systemctl daemon-reload, and enable --now them",
    ),
    "airflow": Target(
        function="flyball.render.airflow.dag:files",
        says="a DAG for Airflow 3 with a task for each step, and one that looks at everything again and again",
        then="copy {out}/*.py to Airflow's dags folder, or write them into a folder of the project that Airflow reads",
    ),
    "kubeflow": Target(
        function="flyball.render.kubeflow.pipeline:files",
        says="pipelines for Kubeflow 2: compiled, and as Python for its SDK",
        then="upload {out}/*/pipeline.yaml, or change pipeline.py and compile it: python pipeline.py",
    ),
    "docker": Target(
        function="flyball.render.docker.files:files",
        says="Dockerfiles: an image with everything, and a slim one for servers",
        then="with {out} as the project's folder: docker build -t IMAGE . && docker build -f Dockerfile.server -t SERVER_IMAGE .",
    ),
    "kubernetes": Target(
        function="flyball.render.kubernetes.plain:files",
        says="manifests: servers, loop, training, autoscaling, network policies",
        then="make the Secret that each file names, then: kubectl apply -f {out}/manifests",
    ),
    "kustomize": Target(
        function="flyball.render.kubernetes.kustomize:files",
        says="the same as a base, with an overlay for each environment of the spec",
        then="make the Secret that each file names, then: kubectl apply -k {out}/base, or -k {out}/overlays/NAME",
    ),
    "helm": Target(
        function="flyball.render.kubernetes.helm:files",
        says="the same as a chart",
        then="make the Secret that values.yaml names, then: helm upgrade --install NAME {out}/NAME",
    ),
    "kserve": Target(
        function="flyball.render.kubernetes.kserve:files",
        says="servers as a runtime and a service of KServe, with loop and training",
        then="make the Secret that each file names, then: kubectl apply -f {out}/manifests",
    ),
}


def render(target: str, order: Order) -> Files:
    """The files of a target; UsageError names the targets there are."""
    function = find(target).function
    module, _, name = function.partition(":")
    make = cast(Callable[[Order], Files], getattr(import_module(module), name))
    return make(order)


def find(target: str) -> Target:
    """The target of a name; UsageError names those there are."""
    found = TARGETS.get(target)
    if found is None:
        raise UsageError(f"nothing renders {target!r}{did_you_mean(target, TARGETS)}", hint=f"targets: {', '.join(TARGETS)}")
    return found
