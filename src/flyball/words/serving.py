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
    "serving.log_refused": (
        "predictions are answered but not logged: {error}; {pending} rows wait",
        "预测照常答复但未能写入日志：{error}；{pending} 行等待写入",
    ),
}
