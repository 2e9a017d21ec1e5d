"""Sentences of adoption: why a model that was made elsewhere is a version here, and why it answers."""

SENTENCES: dict[str, tuple[str, str]] = {
    "event.adopted": (
        "version {version} was made elsewhere and adopted from {source}, engine {engine}",
        "版本 {version} 在别处训练，采自 {source}，引擎 {engine}",
    ),
    "adopt.no_gate": (
        "the model was adopted: no gate of this project was asked about it",
        "该模型为采纳而来：本项目的门槛未对其评估",
    ),
    "adopt.by_hand": (
        "{actor} adopted {source}, so version {version} answers",
        "{actor} 采纳了 {source}，由版本 {version} 应答",
    ),
    "adopt.followed": (
        "{source} means version {version} now, so that version answers",
        "{source} 现指向版本 {version}，由该版本应答",
    ),
}
