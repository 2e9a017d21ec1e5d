"""Sentences of the registry: aliases that moved."""

SENTENCES: dict[str, tuple[str, str]] = {
    "registry.already_champion": ("version {version} is the champion already", "版本 {version} 已经是生产版本"),
    "registry.already_challenger": ("version {version} is the challenger already", "版本 {version} 已经是候选版本"),
    "registry.promoted": (
        "version {version} passed its gate and was promoted by hand",
        "版本 {version} 通过了评估关卡,由人工提升为生产版本",
    ),
    "registry.promoted_because": (
        "version {version} passed its gate and was promoted by hand: {why}",
        "版本 {version} 通过了评估关卡,由人工提升为生产版本:{why}",
    ),
    "registry.promoted_by_force": (
        "version {version} was promoted by hand against its gate: {why}",
        "版本 {version} 未通过评估关卡,由人工强制提升为生产版本:{why}",
    ),
    "registry.staged": (
        "version {version} passed its gate and was made the challenger by hand",
        "版本 {version} 通过了评估关卡,由人工设为候选版本",
    ),
    "registry.staged_because": (
        "version {version} passed its gate and was made the challenger by hand: {why}",
        "版本 {version} 通过了评估关卡,由人工设为候选版本:{why}",
    ),
    "registry.staged_by_force": (
        "version {version} was made the challenger by hand against its gate: {why}",
        "版本 {version} 未通过评估关卡,由人工强制设为候选版本:{why}",
    ),
    "registry.rolled_back": ("version {version} gave way to version {to} again, by hand", "由人工将生产版本从 {version} 回退到 {to}"),
    "registry.rolled_back_because": (
        "version {version} gave way to version {to} again, by hand: {why}",
        "由人工将生产版本从 {version} 回退到 {to}:{why}",
    ),
}
