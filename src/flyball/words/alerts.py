"""Sentences about who is told of alerts, who is not, and what alerts from outside ask for: code → (English, Chinese)."""

SENTENCES: dict[str, tuple[str, str]] = {
    "alerts.firing": ("{model}: {count} {count:alert fires|alerts fire}", "{model}：{count} 项告警"),
    "alerts.critical": ("critical", "严重"),
    "alerts.warning": ("warning", "警告"),
    "alerts.title_firing": ("{worst} fires", "{worst} 告警"),
    "alerts.title_firing_more": ("{worst} and {others} more fire", "{worst} 及另外 {others} 项告警"),
    "alerts.title_over": ("{worst} is over", "{worst} 已恢复"),
    "alerts.title_over_more": ("{worst} and {others} more are over", "{worst} 及另外 {others} 项已恢复"),
    "alerts.title_test": ("{model}: a test of Flyball's alerts", "{model}：Flyball 告警测试"),
    "alerts.test": (
        "somebody tries whether alerts of {model} arrive here; nothing is wrong, and nothing is to be done",
        "有人在测试 {model} 的告警能否送达；没有问题，无需处理",
    ),
    "alerts.line_firing": ("{key} ({severity}, since {began} UTC): {told}", "{key}（{severity}，自 {began} UTC 起）：{told}"),
    "alerts.line_again": (
        "{key} still fires ({severity}, since {began} UTC): {told}",
        "{key} 仍在告警（{severity}，自 {began} UTC 起）：{told}",
    ),
    "alerts.line_over": ("{key} is over ({began} to {until} UTC): {told}", "{key} 已恢复（{began} 至 {until} UTC）：{told}"),
    "alerts.more": ("and {count} more; `flyball alerts` lists all", "另有 {count} 项；`flyball alerts` 列出全部"),
    "alerts.silenced": (
        "nobody is told of {pattern} until {until}: {reason}",
        "在 {until} 之前不再就 {pattern} 发送通知：{reason}",
    ),
    "alerts.silence_ended": ("people are told of {pattern} again: {reason}", "恢复就 {pattern} 发送通知：{reason}"),
    "alerts.undelivered": (
        "{receiver} could not be told of {alerts} {alerts:alert|alerts} for {hours:.0f} hours, and it was given up: {error}",
        "{receiver} 在 {hours:.0f} 小时内未能收到 {alerts} 项告警，已放弃：{error}",
    ),
    "alerts.not_told": (
        "{receiver} could not be told of {alerts} {alerts:alert|alerts}: {error}; "
        "tried {attempts} {attempts:time|times}, again from {again} UTC on",
        "{receiver} 未能收到 {alerts} 项告警：{error}；已尝试 {attempts} 次，{again} UTC 后重试",
    ),
    "alerts.not_repeated": ("{receiver} could not be told what still fires: {error}", "{receiver} 未能收到仍在告警的项目：{error}"),
    "alerts.too_many": (
        "{receiver} holds {most} alerts of this model; {left} more are not posted to it",
        "{receiver} 已有该模型的 {most} 项告警；另外 {left} 项未发送",
    ),
    "alerts.told": ("{receiver} was told: {title}", "已通知 {receiver}：{title}"),
    "alerts.no_outbox": ("people could not be told of alerts: {error}", "无法发送告警通知：{error}"),
    "alerts.request_closed": ("the alert from outside is over: {key}", "外部告警已结束：{key}"),
    "retrain.alert": (
        "{sender} asks for a training: {alerts} fires ({summary})",
        "{sender} 请求训练：{alerts} 告警（{summary}）",
    ),
    "retrain.alert_bare": ("{sender} asks for a training: {alerts} fires", "{sender} 请求训练：{alerts} 告警"),
}
