"""What the SDK of Kubeflow compiles the rendered Python to, made without the SDK: its intermediate representation, as YAML.

A test compiles the rendered Python with the real SDK and compares.
"""

from typing import Any

from flyball.render.dump import to_yaml

SDK = "kfp-2.17.0"
"""The SDK whose output this is."""
_HEAD = "Made by `flyball render kubeflow`. Change flyball.toml and render again, rather than this file."
_ARTIFACT = {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}
_GIGABYTE = 10**9


def compiled(plan: dict[str, Any]) -> dict[str, str]:
    """The pipelines by their files."""
    return {part["file"]: to_yaml(pipeline(plan, part), head=_HEAD) + "---\n" + to_yaml(platform(plan, part)) for part in plan["pipelines"]}


def pipeline(plan: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What runs, anywhere."""
    return {
        "components": {f"comp-{step['name']}": _component(step) for step in part["steps"]},
        "deploymentSpec": {"executors": {f"exec-{step['name']}": {"container": _container(plan, step)} for step in part["steps"]}},
        "pipelineInfo": {"description": part["says"], "name": part["name"]},
        "root": {"dag": {"tasks": {step["name"]: _task(step) for step in part["steps"]}}},
        "schemaVersion": "2.1.0",
        "sdkVersion": SDK,
    }


def platform(plan: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What only Kubernetes knows of: how long a step may take, and its secrets."""
    secrets = [
        {
            "keyToEnv": [{"envVar": name, "secretKey": name} for name in plan["secrets"]],
            "optional": False,
            "secretName": plan["secret"],
            "secretNameParameter": {"runtimeValue": {"constant": plan["secret"]}},
        }
    ]
    executors = {
        f"exec-{step['name']}": {"activeDeadlineSeconds": str(step["seconds"]), **({"secretAsEnv": secrets} if plan["secrets"] else {})}
        for step in part["steps"]
    }
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _handed(step: dict[str, Any], way: str) -> list[dict[str, Any]]:
    return [word for word in step["args"] if isinstance(word, dict) and word["as"] == way]


def _component(step: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"executorLabel": f"exec-{step['name']}"}
    for way in ("input", "output"):
        if artifacts := _handed(step, way):
            found[f"{way}Definitions"] = {"artifacts": {word["artifact"]: {"artifactType": _ARTIFACT} for word in artifacts}}
    return found


def _container(plan: dict[str, Any], step: dict[str, Any]) -> dict[str, Any]:
    args = [f"{{{{$.{word['as']}s.artifacts['{word['artifact']}'].path}}}}" if isinstance(word, dict) else word for word in step["args"]]
    variables = [{"name": name, "value": plan["variables"][name]} for name in sorted(plan["variables"])]
    resources = _resources(step)
    return {
        "args": args,
        "command": ["flyball"],
        **({"env": variables} if variables else {}),
        "image": plan["image"],
        **({"resources": resources} if resources else {}),
    }


def _resources(step: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if step["gpu"]:
        count, kind = str(step["gpu"]), "nvidia.com/gpu"
        found["accelerator"] = {"count": count, "resourceCount": count, "resourceType": kind, "type": kind}
    for bound in ("Limit", "Request"):
        if step["cpu"] is not None:
            found |= {f"cpu{bound}": float(step["cpu"]), f"resourceCpu{bound}": step["cpu"]}
        if step["memory"] is not None:
            found |= {f"memory{bound}": int(step["memory"]) / _GIGABYTE, f"resourceMemory{bound}": step["memory"]}
    return found


def _task(step: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"cachingOptions": {}, "componentRef": {"name": f"comp-{step['name']}"}}
    inputs = _handed(step, "input")
    if before := {*step["needs"], *(word["from"] for word in inputs)}:
        found["dependentTasks"] = sorted(before)
    if inputs:
        found["inputs"] = {
            "artifacts": {
                word["artifact"]: {"taskOutputArtifact": {"outputArtifactKey": word["artifact"], "producerTask": word["from"]}}
                for word in inputs
            }
        }
    if step["retries"]:
        found["retryPolicy"] = {
            "backoffDuration": "300s",
            "backoffFactor": 2.0,
            "backoffMaxDuration": "3600s",
            "maxRetryCount": step["retries"],
        }
    return {**found, "taskInfo": {"name": step["name"]}}
