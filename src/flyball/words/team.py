"""What is said of who may act, of stores that others share, and of who else is told."""

SENTENCES: dict[str, tuple[str, str]] = {
    "admission.first": (
        "{tokens} admin {tokens:token|tokens} may act on this model in its shared stores from now on: the first that came",
        "此后 {tokens} 个令牌可以在共享存储中操作此模型：最先使用者",
    ),
    "admission.changed": (
        "{tokens} admin {tokens:token|tokens} may act on this model in its shared stores from now on, instead of those before",
        "此后 {tokens} 个令牌可以在共享存储中操作此模型，取代之前的令牌",
    ),
    "events.untold": (
        "{listener} was not told of {entries} journal {entries:entry|entries}: {error}; the next tick tries again",
        "未能将 {entries} 条日志告知 {listener}：{error}；下次检查时重试",
    ),
}
