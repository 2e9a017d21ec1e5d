"""The manifests are what Kubernetes takes, give nobody a right that is not needed, and say what the server and the loop do."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import yaml

from clustered import ENVIRONMENTS, order, pod_of, read, text, trees, validate
from flyball.core.errors import SpecError, UsageError
from flyball.monitoring.series import BY_NAME
from flyball.plan.make import make_plan
from flyball.render.kubernetes.loop import schedule
from flyball.render.kubernetes.naming import images, object_name
from flyball.render.kubernetes.pods import cpu, memory, quantities
from flyball.render.kubernetes.server import METRIC
from flyball.render.records import Order
from flyball.render.rules import JOB
from flyball.render.targets import render
from flyball.server.run import _AFTER_DRAIN, _HANDSHAKES
from flyball.server.settings import ServerSettings
from flyball.spec.delivery import Resources

LOOPS = ("deployment", "cronjob")


def made(target: str = "kubernetes", toml: str = "", **more: Any) -> dict[str, Any]:
    return trees(render(target, order(toml, **more)))


def containers(tree: Any) -> list[Any]:
    pod = pod_of(tree)
    return [*pod.get("initContainers", []), *pod["containers"]]


def pods(objects: dict[str, Any]) -> list[Any]:
    return [tree for tree in objects.values() if tree["kind"] in ("Deployment", "CronJob")]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("target", ["kubernetes", "kserve"])
@pytest.mark.parametrize("environment", ["", "prod", "steady"])
def test_kubernetes_own_schemas_take_every_object(target: str, loop: str, environment: str) -> None:
    objects = made(target, loop=loop, environment=environment)
    for tree in objects.values():
        validate(tree)
    if target == "kserve":
        inside = objects["ServingRuntime/churn"]["spec"]
        service = objects["InferenceService/churn"]["spec"]["predictor"]
        pod = {"containers": inside["containers"], "volumes": inside["volumes"], "securityContext": service["securityContext"]}
        validate({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "as-kserve-makes-it"}, "spec": pod})


@pytest.mark.parametrize("loop", LOOPS)
def test_no_pod_has_a_right_it_does_not_need(loop: str) -> None:
    for tree in pods(made(loop=loop)):
        pod = pod_of(tree)
        assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        for one in containers(tree):
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            writable = {volume["name"] for volume in pod["volumes"] if "emptyDir" in volume}
            assert all(mount["name"] in writable or mount.get("readOnly") for mount in one["volumeMounts"])


@pytest.mark.parametrize("target", ["kubernetes", "kustomize", "helm", "kserve"])
def test_secrets_are_named_and_never_written(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_DATABASE", "postgresql://u:hunter2@db/x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    files = render(target, order())
    assert not any("hunter2" in one for one in files.values())
    if target != "helm":
        for tree in trees(files, "base/" if target == "kustomize" else "manifests/").values():
            assert tree["kind"] != "Secret"


def test_every_secret_of_the_plan_reaches_the_loop_and_the_server_gets_only_its_own() -> None:
    objects = made()

    def secrets(name: str) -> dict[str, Any]:
        [one] = pod_of(objects[name])["containers"]
        return {env["name"]: env["valueFrom"]["secretKeyRef"] for env in one["env"] if "secretKeyRef" in env.get("valueFrom", {})}

    everything = {"FLYBALL_DATABASE", "FLYBALL_SIGNING_KEY", "FLYBALL_ADMIN_TOKEN", "AWS_SECRET_ACCESS_KEY"}
    assert set(secrets("Deployment/churn-loop")) == everything
    assert set(secrets("Deployment/churn")) == everything - {"AWS_SECRET_ACCESS_KEY"}
    assert all(one["name"] == "churn" for one in secrets("Deployment/churn").values())
    assert secrets("Deployment/churn")["FLYBALL_ADMIN_TOKEN"]["optional"] is True


def test_the_grace_period_is_longer_than_the_server_takes_to_drain() -> None:
    settings = ServerSettings.__dataclass_fields__
    longest = settings["lame_duck"].default + settings["drain_timeout"].default + _AFTER_DRAIN + _HANDSHAKES
    pod = pod_of(made()["Deployment/churn"])
    [one] = pod["containers"]
    sleep, seconds = one["lifecycle"]["preStop"]["exec"]["command"]
    assert sleep == "sleep"
    assert pod["terminationGracePeriodSeconds"] >= longest + int(seconds) + settings["lame_duck"].default
    kserve = made("kserve")["InferenceService/churn"]["spec"]["predictor"]
    assert kserve["terminationGracePeriodSeconds"] == pod["terminationGracePeriodSeconds"]


def test_the_autoscaler_follows_a_series_that_the_servers_count() -> None:
    scaler = made(rate=250)["HorizontalPodAutoscaler/churn"]["spec"]
    rate, busy = scaler["metrics"]
    assert rate["pods"] == {"metric": {"name": METRIC}, "target": {"type": "AverageValue", "averageValue": "250"}}
    assert busy["resource"]["name"] == "cpu"
    [rule] = yaml.safe_load(render("kubernetes", order())["prometheus-adapter.yaml"])["rules"]["custom"]
    assert rule["name"]["as"] == METRIC
    [name] = re.findall(r"^\^(\w+)\$$", rule["name"]["matches"])
    assert BY_NAME[name].kind == "counter" and rule["seriesQuery"].startswith(name + "{")
    assert f'job="{JOB}"' in rule["seriesQuery"] and f'job="{JOB}"' in rule["metricsQuery"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 10)


def test_a_fixed_number_of_servers_has_no_autoscaler() -> None:
    objects = made(environment="steady")
    assert "HorizontalPodAutoscaler/churn" not in objects
    assert objects["Deployment/churn"]["spec"]["replicas"] == 3
    assert "replicas" not in made()["Deployment/churn"]["spec"], "two would fight over the number"


def test_prometheus_finds_the_servers_and_names_them_as_the_rules_do() -> None:
    objects = made(toml=text("a $1 model"))
    name = object_name("a $1 model")
    monitor, service = objects[f"ServiceMonitor/{name}"]["spec"], objects[f"Service/{name}"]
    assert service["metadata"]["labels"][monitor["jobLabel"]] == JOB
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    [endpoint] = monitor["endpoints"]
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert endpoint["relabelings"][0]["replacement"] == "a $$1 model"


@pytest.mark.parametrize("loop", LOOPS)
def test_whatever_selects_pods_selects_those_of_its_part_and_no_others(loop: str) -> None:
    objects = made(loop=loop)
    labels = {}
    for key, tree in objects.items():
        if tree["kind"] in ("Deployment", "CronJob"):
            spec = tree["spec"]["jobTemplate"]["spec"] if tree["kind"] == "CronJob" else tree["spec"]
            labels[key] = spec["template"]["metadata"]["labels"]
    policies = [tree for tree in objects.values() if tree["kind"] == "NetworkPolicy"]
    for one in policies:
        assert len([1 for found in labels.values() if one["spec"]["podSelector"]["matchLabels"].items() <= found.items()]) == 1
    assert len(policies) == len(labels) == 3
    [service] = [tree for tree in objects.values() if tree["kind"] == "Service"]
    assert [key for key, found in labels.items() if service["spec"]["selector"].items() <= found.items()] == ["Deployment/churn"]


def test_nobody_reaches_the_servers_without_the_clients_label_and_nobody_the_loop() -> None:
    objects = made(toml=text().replace("env:FLYBALL_DATABASE", "postgresql://db.example.com:6432/x"))
    policy = objects["NetworkPolicy/churn"]["spec"]
    [incoming] = policy["ingress"]
    assert all("client.flyball.dev/churn" in json.dumps(one) for one in incoming["from"])
    assert {"protocol": "TCP", "port": 6432} in policy["egress"][1]["ports"]
    assert objects["NetworkPolicy/churn-loop"]["spec"]["ingress"] == []
    assert {"protocol": "TCP", "port": 5432} in made()["NetworkPolicy/churn"]["spec"]["egress"][1]["ports"]


def test_the_port_of_a_database_whose_address_is_a_secret_is_said_and_can_be_named() -> None:
    assert "--database-port" in made()["NetworkPolicy/churn"]["metadata"]["annotations"]["flyball.dev/egress"]
    policy = made(database_port=6432)["NetworkPolicy/churn"]
    assert policy["spec"]["egress"][1]["ports"][0]["port"] == 6432
    assert "as --database-port says" in policy["metadata"]["annotations"]["flyball.dev/egress"]


def test_the_servers_of_kserve_are_guarded_watched_and_kept_as_the_others() -> None:
    plain, objects = made(), made("kserve")
    pods = objects["InferenceService/churn"]["spec"]["predictor"]["labels"]
    for name in ("NetworkPolicy/churn", "PodDisruptionBudget/churn"):
        assert objects[name] == plain[name]
        spec = objects[name]["spec"]
        assert spec.get("podSelector", spec.get("selector"))["matchLabels"].items() <= pods.items()
    monitor = objects["PodMonitor/churn"]["spec"]
    assert monitor["selector"]["matchLabels"].items() <= pods.items() and pods[monitor["jobLabel"]] == JOB
    [endpoint] = monitor["podMetricsEndpoints"]
    assert [endpoint] == plain["ServiceMonitor/churn"]["spec"]["endpoints"]
    [container] = objects["ServingRuntime/churn"]["spec"]["containers"]
    assert endpoint["port"] in [port["name"] for port in container["ports"]]


@pytest.mark.parametrize("target", ["kubernetes", "kserve"])
@pytest.mark.parametrize("loop", LOOPS)
def test_whoever_runs_flyball_has_a_name_a_home_and_git_may_read_the_project(target: str, loop: str) -> None:
    objects = made(target, loop=loop)
    found = [one for tree in pods(objects) for one in containers(tree) if one["command"] == ["flyball"]]
    found += objects["ServingRuntime/churn"]["spec"]["containers"] if target == "kserve" else []
    for one in found:
        said = {env["name"]: env.get("value") for env in one["env"]}
        assert said["USER"] and said["LOGNAME"] and said["HOME"] == "/tmp"
        count = int(said["GIT_CONFIG_COUNT"])
        assert [(said[f"GIT_CONFIG_KEY_{at}"], said[f"GIT_CONFIG_VALUE_{at}"]) for at in range(count)] == [("safe.directory", "/project")]


def test_a_training_is_given_what_the_spec_says_it_needs_and_runs_the_plan_in_its_order() -> None:
    job = made()["CronJob/churn-train"]
    assert job["spec"]["suspend"] is True and job["spec"]["jobTemplate"]["spec"]["backoffLimit"] == 0
    steps = containers(job)
    plan = make_plan(read(text()))
    assert [one["name"] for one in steps] == ["project", *(step.name for step in plan.renew)]
    assert [tuple(one["args"][2:]) for one in steps[1:]] == [step.verb for step in plan.renew]
    wanted = {"cpu": "4", "memory": "8Gi"}
    [train] = [one for one in steps if one["name"] == "train"]
    assert train["resources"] == {"requests": wanted, "limits": wanted}


def test_a_loop_that_always_runs_asks_for_little_and_may_use_what_a_training_needs() -> None:
    [one] = pod_of(made()["Deployment/churn-loop"])["containers"]
    assert one["args"][2:] == ["up", "--no-server", "--every", "600s"]
    assert one["resources"] == {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "9Gi"}}
    assert "looked" in one["livenessProbe"]["exec"]["command"][-1]


def test_a_loop_that_looks_at_set_times_waits_for_its_training() -> None:
    job = made(loop="cronjob")["CronJob/churn-loop"]["spec"]
    assert (job["schedule"], job["concurrencyPolicy"]) == ("*/10 * * * *", "Forbid")
    [one] = job["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert one["args"][2:] == ["tick", "--wait"]
    assert one["resources"]["limits"] == {"cpu": "4", "memory": "8Gi"}


def test_in_an_environment_every_verb_says_so() -> None:
    for tree in pods(made(environment="prod")):
        assert all(one["args"][2:4] == ["--env", "prod"] for one in containers(tree) if one["command"] == ["flyball"])
        assert tree["metadata"]["namespace"] == "churn-prod"


def test_another_spec_starts_other_pods() -> None:
    before, after = made(), made(toml=text(note="inland"))
    at = "flyball.dev/spec"
    for name in ("Deployment/churn", "Deployment/churn-loop"):
        one, other = (tree[name]["spec"]["template"]["metadata"]["annotations"][at] for tree in (before, after))
        assert one != other
    assert before["ConfigMap/churn-spec"]["data"]["flyball.toml"] == text()


@pytest.mark.parametrize(
    ("change", "named", "hint"),
    [
        (('database = "env:FLYBALL_DATABASE"\n', ""), "database", "[stores]"),
        (('image = "registry.example.com/team/churn:1"\n', ""), "image", "flyball render docker"),
        (("registry.example.com/team/churn:1", "a b"), "no container image", "registry"),
        (("[stores]", '[serve]\naddress = "127.0.0.1:80"\n[stores]'), "port 80", "8000"),
        (("cpu = 4,", "cpu = 4, gpu = 1,"), "1 GPU", "--loop cronjob"),
    ],
)
def test_what_a_cluster_cannot_do_is_said_and_what_helps(change: tuple[str, str], named: str, hint: str) -> None:
    with pytest.raises(SpecError, match=re.escape(named)) as refused:
        render("kubernetes", order(text().replace(*change)))
    assert hint in refused.value.hint


def test_a_training_with_a_device_is_run_by_a_loop_that_goes_again() -> None:
    objects = made(toml=text().replace("cpu = 4,", "cpu = 4, gpu = 1,"), loop="cronjob")
    [one] = pod_of(objects["CronJob/churn-loop"])["containers"]
    assert one["resources"]["limits"]["nvidia.com/gpu"] == "1"


@pytest.mark.parametrize("seconds", [90, 7 * 60, 5 * 3600, 2 * 86_400])
def test_a_pause_that_cron_cannot_say_is_refused(seconds: int) -> None:
    with pytest.raises(SpecError, match="CronJob cannot look"):
        schedule(timedelta(seconds=seconds))


def test_pauses_in_the_words_of_cron() -> None:
    said = {1: "* * * * *", 5: "*/5 * * * *", 60: "0 * * * *", 360: "0 */6 * * *", 1440: "0 0 * * *"}
    assert {minutes: schedule(timedelta(minutes=minutes)) for minutes in said} == said


def test_amounts_as_kubernetes_writes_them() -> None:
    assert [cpu(one) for one in (0.0001, 0.25, 1.5, 3)] == ["1m", "250m", "1500m", "3"]
    assert [memory(one) for one in (2**30, 3 * 2**20, 10**9)] == ["1Gi", "3Mi", "1000000000"]
    assert quantities(Resources(), otherwise=Resources(cpu=1, memory=2**30)) == {"requests": {"cpu": "1", "memory": "1Gi"}}


def test_the_servers_image_stands_beside_the_other_one() -> None:
    assert images("registry:5000/team/churn:7", "")[1] == "registry:5000/team/churn-server:7"
    assert images("churn", "")[1] == "churn-server"
    assert images("churn:1", "mine:2") == ("churn:1", "mine:2")
    pinned = f"churn@sha256:{'0' * 64}"
    assert images(pinned, "") == (pinned, pinned)


def test_two_projects_get_a_folder_each_and_two_of_one_name_are_refused() -> None:
    one, other = read(text()), read(text("tips"))
    files = render("kubernetes", Order(specs=(one, other)))
    assert {name.partition("/")[0] for name in files} == {"churn", "tips", "prometheus-adapter.yaml"}
    with pytest.raises(UsageError, match="two projects"):
        render("kubernetes", Order(specs=(one, replace(one))))


@pytest.mark.parametrize("target", ["kubernetes", "helm", "kserve"])
def test_a_project_with_environments_runs_in_one_of_them(target: str) -> None:
    with pytest.raises(SpecError, match="a cluster runs one of them") as refused:
        render(target, order(text(environments=ENVIRONMENTS)))
    assert "flyball --env prod render" in refused.value.hint
