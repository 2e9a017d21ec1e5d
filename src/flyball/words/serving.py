"""Sentences of serving: how a server stands, and why."""

SENTENCES: dict[str, tuple[str, str]] = {
    "serving.healthy": ("version {version} answers", "由版本 {version} 提供服务"),
    "serving.waiting": (
        "no model is deployed yet; the server takes the first one up by itself",
        "尚未部署任何模型；一旦部署，服务器会自动加载",
    ),
    "serving.draining": ("the server is stopping and answers what still comes", "服务器正在停止，仍会答复已到达的请求"),
    "serving.refused": ("nothing answers, because {error}", "无法提供服务：{error}"),
    "serving.kept": ("version {version} goes on answering, because {error}", "版本 {version} 继续提供服务，原因：{error}"),
    "serving.reduced": ("version {version} answers; {error}", "由版本 {version} 提供服务；{error}"),
    "serving.unwritten": (
        "version {version} answers, but the deployments table cannot be told so: {error}",
        "由版本 {version} 提供服务，但无法写入部署表：{error}",
    ),
    "serving.stale": (
        "version {version} answers from the last known deployment: the deployments table cannot be read",
        "无法读取部署表，版本 {version} 按最近一次已知的部署提供服务",
    ),
    "serving.behind": (
        "this server answers by deployment {deployment} while others answer by {current}: {error}",
        "本服务器仍按部署 {deployment} 提供服务，而其他服务器已按部署 {current} 提供服务：{error}",
    ),
    "serving.log_refused": (
        "predictions are answered but not logged: {error}; {pending} rows wait",
        "预测照常答复但未能写入日志：{error}；{pending} 行等待写入",
    ),
    "serving.local": (
        "version {version} answers in the place of version {instead}: this machine was rolled back by itself by {actor} ({reason})",
        "由版本 {version} 代替版本 {instead} 提供服务：{actor} 仅在本机执行了回滚（{reason}）",
    ),
    "serving.guarded": (
        "version {version} answers; a guardrail took version {off} out: {why}",
        "由版本 {version} 提供服务；护栏已停用版本 {off}：{why}",
    ),
    "guardrail.run": (
        "version {version} failed {number:.0f} requests in a row ({kind}) that version {beside} answered",
        "版本 {version} 连续 {number:.0f} 个请求失败（{kind}），由版本 {beside} 答复",
    ),
    "guardrail.hangs": (
        "version {version} did not come back from {rows:.0f} rows in {seconds:.1f} s",
        "版本 {version} 处理 {rows:.0f} 行已用 {seconds:.1f} 秒，仍未返回",
    ),
    "guardrail.errors": (
        "version {version} fails {share:.2%} of its requests, certainly more than {lower:.2%}; "
        "version {beside} at most {upper:.2%}, and {margin:.2%} more are allowed",
        "版本 {version} 的请求失败率为 {share:.2%}，可以确定高于 {lower:.2%}；版本 {beside} 至多 {upper:.2%}，允许高出 {margin:.2%}",
    ),
    "guardrail.nan": (
        "{share:.2%} of the scores of version {version} are no finite numbers, certainly more than {lower:.2%}; "
        "of version {beside} at most {upper:.2%}, and {margin:.2%} more are allowed",
        "版本 {version} 有 {share:.2%} 的分数不是有限数值，可以确定高于 {lower:.2%}；版本 {beside} 至多 {upper:.2%}，允许高出 {margin:.2%}",
    ),
    "guardrail.latency": (
        "one request in a hundred takes version {version} certainly more than {lower:.1f} ms, "
        "more than {times:g} times the {upper:.1f} ms of version {beside}",
        "版本 {version} 最慢的百分之一请求可以确定超过 {lower:.1f} 毫秒，高于版本 {beside} 的 {upper:.1f} 毫秒的 {times:g} 倍",
    ),
    "guardrail.score_drift": (
        "the scores of version {version} are certainly {lower:.3f} away from those of version {beside}; {most:.3f} is allowed",
        "版本 {version} 的分数与版本 {beside} 的距离可以确定至少为 {lower:.3f}；允许 {most:.3f}",
    ),
    "rollback.local": (
        "version {to} took the place of version {version} on one machine by itself, by {actor}: {reason}",
        "{actor} 在一台机器上将版本 {version} 直接回滚到版本 {to}：{reason}",
    ),
}
