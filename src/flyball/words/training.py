"""Sentences of training: code → (English, Chinese)."""

SENTENCES: dict[str, tuple[str, str]] = {
    "train.zone_assumed": (
        "The times in {column} have no time zone; they are taken as UTC. Write them with a zone (2024-05-31T12:00:00Z) to be sure.",
        "{column} 列的时间没有时区，按 UTC 处理。请写明时区（2024-05-31T12:00:00Z）以免歧义。",
    ),
    "train.native": (
        "The model is served by its own Python code, because it could not be compiled: {reason}",
        "模型无法编译，将以其自身的 Python 代码提供服务：{reason}",
    ),
}
