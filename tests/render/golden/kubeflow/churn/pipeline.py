"""Made by `flyball render kubeflow`. Change flyball.toml and render again, rather than this file."""

import argparse
import inspect
import shlex

from kfp import compiler, dsl, kubernetes, local

PLAN = {
    "model": "churn",
    "environment": "",
    "image": "registry.example.com/team/churn:1",
    "secret": "flyball-churn",
    "secrets": ["FLYBALL_DATABASE", "FLYBALL_MLFLOW", "FLYBALL_SIGNING_KEY", "FLYBALL_ADMIN_TOKEN", "AWS_SECRET_ACCESS_KEY"],
    "variables": {
        "AWS_REGION": "eu-west-1",
    },
    "pipelines": [
        {
            "file": "pipeline.yaml",
            "name": "churn",
            "says": "prepare, train, evaluate, test, register, deploy",
            "steps": [
                {
                    "name": "check",
                    "args": ["check"],
                    "says": "flyball.toml means what it should",
                    "needs": [],
                    "seconds": 600,
                    "retries": 0,
                    "cpu": None,
                    "memory": None,
                    "gpu": 0,
                },
                {
                    "name": "data",
                    "args": ["snapshot", "--pull", "--push"],
                    "says": "prepare the data and keep the exact rows",
                    "needs": ["check"],
                    "seconds": 7200,
                    "retries": 2,
                    "cpu": None,
                    "memory": None,
                    "gpu": 0,
                },
                {
                    "name": "train",
                    "args": [
                        "train",
                        "--no-register",
                        "--pull",
                        "--report",
                        {
                            "artifact": "evaluation",
                            "as": "output",
                            "local": "evaluation",
                        },
                    ],
                    "says": "train and judge, and register nothing yet",
                    "needs": ["data"],
                    "seconds": 5400,
                    "retries": 0,
                    "cpu": "2.5",
                    "memory": "4294967296",
                    "gpu": 1,
                },
                {
                    "name": "test",
                    "args": [
                        "test",
                        "--report",
                        {
                            "artifact": "evaluation",
                            "as": "input",
                            "from": "train",
                            "local": "evaluation",
                        },
                        "--junit",
                        {
                            "artifact": "tests",
                            "as": "output",
                            "local": "evaluation/tests.xml",
                        },
                    ],
                    "says": "the model's own tests",
                    "needs": ["train"],
                    "seconds": 3600,
                    "retries": 0,
                    "cpu": None,
                    "memory": None,
                    "gpu": 0,
                },
                {
                    "name": "register",
                    "args": [
                        "register",
                        "--report",
                        {
                            "artifact": "evaluation",
                            "as": "input",
                            "from": "train",
                            "local": "evaluation",
                        },
                        "--hold",
                    ],
                    "says": "make it a version",
                    "needs": ["test"],
                    "seconds": 1800,
                    "retries": 0,
                    "cpu": None,
                    "memory": None,
                    "gpu": 0,
                },
                {
                    "name": "deploy",
                    "args": ["rollout", "start"],
                    "says": "put it to work as [rollout] says: at once, or in comparison with the champion",
                    "needs": ["register"],
                    "seconds": 1800,
                    "retries": 1,
                    "cpu": None,
                    "memory": None,
                    "gpu": 0,
                },
            ],
        },
        {
            "file": "watch.yaml",
            "name": "churn-watch",
            "says": "look at everything and do what follows",
            "steps": [
                {
                    "name": "watch",
                    "args": ["tick"],
                    "says": "look at everything and do what follows",
                    "needs": [],
                    "seconds": 1800,
                    "retries": 1,
                    "cpu": None,
                    "memory": None,
                    "gpu": 0,
                },
            ],
        },
    ],
}


def container(step):
    """A step as it runs in a cluster: one verb of flyball, in the project's image. Nothing else has to be in that."""
    handed = {word["artifact"]: word["as"] for word in step["args"] if isinstance(word, dict)}

    def run(*artifacts):
        paths = {name: one.path for name, one in zip(handed, artifacts)}
        words = [paths[word["artifact"]] if isinstance(word, dict) else word for word in step["args"]]
        return dsl.ContainerSpec(image=PLAN["image"], command=["flyball"], args=words)

    kinds = {"input": dsl.Input[dsl.Artifact], "output": dsl.Output[dsl.Artifact]}
    place = inspect.Parameter.POSITIONAL_OR_KEYWORD
    run.__name__ = step["name"]
    run.__signature__ = inspect.Signature([inspect.Parameter(name, place, annotation=kinds[way]) for name, way in handed.items()])
    return dsl.container_component(run)


def equipped(task, step):
    """What a task may use, how often it is tried, and what it is given."""
    task.set_caching_options(False)
    if step["cpu"] is not None:
        task.set_cpu_request(step["cpu"]).set_cpu_limit(step["cpu"])
    if step["memory"] is not None:
        task.set_memory_request(step["memory"]).set_memory_limit(step["memory"])
    if step["gpu"]:
        task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(step["gpu"])
    if step["retries"]:
        task.set_retry(step["retries"], backoff_duration="300s", backoff_factor=2.0, backoff_max_duration="3600s")
    kubernetes.set_timeout(task, step["seconds"])
    if PLAN["secrets"]:
        kubernetes.use_secret_as_env(task, secret_name=PLAN["secret"], secret_key_to_env={name: name for name in PLAN["secrets"]})
    return task


def given(task):
    """The variables that everybody may read."""
    for name in sorted(PLAN["variables"]):
        task.set_env_variable(name, PLAN["variables"][name])
    return task


def in_cluster(part):
    @dsl.pipeline(name=part["name"], description=part["says"])
    def pipeline():
        tasks = {}
        for step in part["steps"]:
            words = [word for word in step["args"] if isinstance(word, dict) and word["as"] == "input"]
            artifacts = {word["artifact"]: tasks[word["from"]].outputs[word["artifact"]] for word in words}
            tasks[step["name"]] = equipped(given(container(step)(**artifacts)), step)
            tasks[step["name"]].after(*(tasks[name] for name in step["needs"]))

    return pipeline


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def verb(program: list, words: list, folder: str):
    import subprocess

    subprocess.run([*program, *words], cwd=folder, check=True)


def on_this_machine(part, folder, program):
    """The same steps in the same order, in the project's folder, through which they also hand each other what they make."""

    @dsl.pipeline(name=part["name"], description=part["says"])
    def pipeline():
        tasks = {}
        for step in part["steps"]:
            words = [word["local"] if isinstance(word, dict) else word for word in step["args"]]
            tasks[step["name"]] = given(verb(program=program, words=words, folder=folder))
            tasks[step["name"]].set_caching_options(False).set_display_name(step["name"])
            tasks[step["name"]].after(*(tasks[name] for name in step["needs"]))

    return pipeline


def main():
    parser = argparse.ArgumentParser(description="Compile the pipelines; or run the first one on this machine, in a project's folder.")
    parser.add_argument("--out", default=".", metavar="DIR", help="write the compiled pipelines here (default: this folder)")
    parser.add_argument("--local", metavar="FOLDER", help="run it on this machine, in this folder with flyball.toml")
    parser.add_argument("--flyball", default="flyball", metavar="COMMAND", help="how flyball is called there (default: flyball)")
    asked = parser.parse_args()
    if asked.local:
        local.init(runner=local.SubprocessRunner(use_venv=False), raise_on_error=True)
        on_this_machine(PLAN["pipelines"][0], asked.local, shlex.split(asked.flyball))()
        return
    for part in PLAN["pipelines"]:
        compiler.Compiler().compile(in_cluster(part), f"{asked.out}/{part['file']}")


if __name__ == "__main__":
    main()
