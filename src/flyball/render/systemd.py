"""Units of systemd: the server as a service, the loop's look as another on a timer. Both may write only to the project's folder."""

from collections.abc import Sequence

from flyball.core.errors import SpecError
from flyball.core.window import format_duration
from flyball.plan.make import make_plan
from flyball.plan.records import Plan
from flyball.render.pipelines.parts import folder_text
from flyball.render.records import Files, Order
from flyball.spec.records import Spec

# What neither a server nor a training needs. Memory that is written and run is needed by neither the kernels nor ONNX Runtime.
_HARDENED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "read-only",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectControlGroups": "yes",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "RestrictSUIDSGID": "yes",
    "RestrictRealtime": "yes",
    "RestrictNamespaces": "yes",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
    "LockPersonality": "yes",
    "SystemCallArchitectures": "native",
    "CapabilityBoundingSet": "",
    "UMask": "0077",
}
_STOP = "35s"
Section = dict[str, str | list[str]]


def files(order: Order) -> Files:
    """`flyball-MODEL.service`, `flyball-MODEL-tick.service` and `flyball-MODEL-tick.timer` for each project."""
    made = {}
    for spec in order.specs:
        plan = make_plan(spec)
        name = f"flyball-{plan.slug}"
        made[f"{name}.service"] = _unit(_server(spec, plan, order), plan)
        made[f"{name}-tick.service"] = _unit(_tick(spec, plan, order), plan)
        made[f"{name}-tick.timer"] = _unit(_timer(plan), plan)
    return made


def escaped(text: str) -> str:
    """A text in which systemd finds no specifier.

    >>> escaped("100%")
    '100%%'
    """
    if any(ord(letter) < 32 or letter == "\x7f" for letter in text):
        raise SpecError(f"a unit of systemd cannot hold the control characters in {text!r}", hint="leave them out, or render for cron")
    return text.replace("%", "%%")


def word(text: str, *, command: bool = True) -> str:
    """One word of a line, quoted as systemd reads it back; in a command `$` would be a variable.

    >>> print(word("a b $HOME"))
    "a b $$HOME"
    """
    signs = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    inner = "".join(signs.get(letter, letter) for letter in text)
    inner = "".join(f"\\x{ord(letter):02x}" if ord(letter) < 32 or letter == "\x7f" else letter for letter in inner).replace("%", "%%")
    inner = inner.replace("$", "$$") if command else inner
    plain = inner == text and text and not any(letter.isspace() or letter in "'\";" for letter in text)
    return text if plain else f'"{inner}"'


def _server(spec: Spec, plan: Plan, order: Order) -> dict[str, Section]:
    verb = [*plan.serve]
    verb[verb.index("--host") + 1] = spec.serve.host
    limits = spec.deliver.server
    service: Section = {
        "Type": "exec",
        **_common(spec, plan, order.user),
        "ExecStart": _exec(order.program, verb),
        "Restart": "on-failure",
        "RestartSec": "2s",
    }
    service |= {"TimeoutStopSec": _STOP, **_limits(limits.cpu, limits.memory), **_hardened(limits.gpu), "ReadWritePaths": _path(spec)}
    return {
        "Unit": {"Description": f"Answers predictions of {plan.slug}", "After": "network-online.target", "Wants": "network-online.target"},
        "Service": service,
        "Install": {"WantedBy": "multi-user.target"},
    }


def _tick(spec: Spec, plan: Plan, order: Order) -> dict[str, Section]:
    resources = spec.resources
    service: Section = {"Type": "oneshot", **_common(spec, plan, order.user), "ExecStart": _exec(order.program, plan.watch.verb)}
    # a training that a tick starts goes on when the tick is done
    service |= {"KillMode": "process", "TimeoutStartSec": format_duration(plan.watch.timeout).replace("m", "min")}
    service |= {**_limits(resources.cpu, resources.memory), **_hardened(resources.gpu)}
    service |= {"PrivateTmp": "no", "ReadWritePaths": f"{_path(spec)} /tmp /var/tmp"}  # a private one would go with the tick
    return {
        "Unit": {
            "Description": f"Looks at {plan.slug} and does what follows",
            "After": "network-online.target",
            "Wants": "network-online.target",
        },
        "Service": service,
    }


def _timer(plan: Plan) -> dict[str, Section]:
    every = f"{plan.look.total_seconds():.0f}s"
    return {
        "Unit": {"Description": f"When the loop looks at {plan.slug}"},
        "Timer": {"OnActiveSec": "10s", "OnUnitActiveSec": every, "AccuracySec": "1s"},
        "Install": {"WantedBy": "timers.target"},
    }


def _path(spec: Spec) -> str:
    return word(folder_text(spec.folder), command=False)


def _common(spec: Spec, plan: Plan, user: str) -> Section:
    found: Section = {"User": escaped(user), "WorkingDirectory": escaped(folder_text(spec.folder))}
    if plan.variables:
        found["Environment"] = [word(f"{name}={text}", command=False) for name, text in plan.variables.items()]
    if plan.secrets:
        found["EnvironmentFile"] = f"/etc/flyball/{plan.slug}.env"
    return found


def _hardened(gpu: int) -> Section:
    """A device is only there if devices are."""
    return {**_HARDENED, "PrivateDevices": "no" if gpu else "yes"}


def _limits(cpu: float | None, memory: int | None) -> Section:
    found: Section = {}
    if cpu is not None:
        found["CPUQuota"] = f"{cpu * 100:.0f}%"
    if memory is not None:
        found["MemoryMax"] = str(memory)
    return found


def _exec(program: str, verb: Sequence[str]) -> str:
    return " ".join(word(one) for one in [program, *verb])


def _unit(sections: dict[str, Section], plan: Plan) -> str:
    lines = ["# Made by `flyball render systemd`; change flyball.toml and render again."]
    if plan.secrets:
        lines.append(f"# Secrets stand in /etc/flyball/{plan.slug}.env (root, mode 0600): {', '.join(plan.secrets)}")
        lines.append(f"# One a line, such as {plan.secrets[0]}='value'; no shell reads a value, whatever it holds.")
    for name, values in sections.items():
        lines += ["", f"[{name}]"]
        for key, value in values.items():
            lines += [f"{key}={one}" for one in ([value] if isinstance(value, str) else value)]
    return "\n".join(lines) + "\n"
