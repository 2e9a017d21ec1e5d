"""The process that talks to Weights & Biases: `python -m flyball.adapters.wandb.send` reads one run from stdin and mirrors it.

Where it goes, and with which key, wandb finds in its own variables (WANDB_API_KEY, WANDB_BASE_URL, WANDB_MODE).
"""

import json
import sys
from typing import Any


def main() -> int:
    """Mirror the run; what goes wrong is said in one line on stderr."""
    order = json.load(sys.stdin)
    try:
        send(order)
    except Exception as error:  # noqa: BLE001 - wandb has errors of many kinds, and the parent only tells of them
        sys.stderr.write(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}\n")
        return 1
    return 0


def send(order: dict[str, Any]) -> None:
    """One run: parameters as config, metrics as summary, tags, and references to data and model where MLflow and DVC keep them."""
    import wandb

    settings = wandb.Settings(silent=True, console="off", disable_git=True, save_code=False, init_timeout=30)
    run = wandb.init(
        project=order["project"],
        entity=order["entity"] or None,
        dir=order["folder"],
        id=order["run"],
        name=order["run"],
        resume="allow",
        config={**order["params"], "flyball": {"model": order["model"], "identity": order["identity"], **order["tags"]}},
        tags=[tag for tag in (f"gate-{order['tags'].get('flyball.gate', '')}", f"cause-{order['tags'].get('flyball.cause', '')}")],
        job_type="train",
        settings=settings,
    )
    run.summary.update(order["metrics"])
    data = wandb.Artifact(_named(order["model"], "data"), type="dataset", metadata=order["snapshot"])
    data.add_reference(f"dvc://{order['snapshot']['dvc_md5']}", name="snapshot.parquet", checksum=False)
    run.log_artifact(data)  # to be used it would have to be there, which nobody knows without a network
    model = wandb.Artifact(_named(order["model"], "model"), type="model", metadata={"mlflow_run": order["run"]})
    model.add_reference(f"mlflow://runs/{order['run']}/flyball/model", name="model", checksum=False)
    run.log_artifact(model)
    run.finish()


def _named(model: str, what: str) -> str:
    """What wandb lets an artifact be called."""
    return "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in model)[:100] + f"-{what}"


if __name__ == "__main__":
    sys.exit(main())
