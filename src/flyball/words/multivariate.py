"""Sentences about all columns together."""

SENTENCES: dict[str, tuple[str, str]] = {
    "multivariate.few_rows": (
        "insufficient data: {before} {before:row|rows} of the training and {now} recent {now:one|ones}, {needed} of each are needed",
        "数据不足：训练数据 {before} 行，近期 {now} 行，各需 {needed} 行",
    ),
    "multivariate.few_days": (
        "insufficient data: {before} {before:day|days} of the training and {now} recent {now:one|ones}, {needed} of each are needed",
        "数据不足：训练数据 {before} 天，近期 {now} 天，各需 {needed} 天",
    ),
    "multivariate.few_units": (
        "insufficient data: rows of {before} {before:unit|units} of the training and of {now} recent {now:one|ones}, "
        "{needed} of each are needed",
        "数据不足：训练数据 {before} 个单元，近期 {now} 个单元，各需 {needed} 个",
    ),
    "multivariate.no_rows_kept": (
        "insufficient data: the rows version {version} was trained on are not kept here",
        "数据不足：此处没有版本 {version} 的训练数据",
    ),
    "multivariate.domain_ok": (
        "nothing tells recent rows from training rows better than {auc:.2f} [{lower:.2f}, {upper:.2f}] (.5 is not at all)",
        "无法可靠区分近期数据与训练数据：{auc:.2f} [{lower:.2f}, {upper:.2f}]（.5 表示完全无法区分）",
    ),
    "multivariate.domain_warn": (
        "recent rows can perhaps be told from training rows: {auc:.2f} [{lower:.2f}, {upper:.2f}], by {columns}",
        "近期数据可能与训练数据不同：{auc:.2f} [{lower:.2f}, {upper:.2f}]，依据 {columns}",
    ),
    "multivariate.domain_drift": (
        "recent rows can be told from training rows: {auc:.2f} [{lower:.2f}, {upper:.2f}] is over {margin:.2f}, by {columns}",
        "近期数据与训练数据明显不同：{auc:.2f} [{lower:.2f}, {upper:.2f}] 超过 {margin:.2f}，依据 {columns}",
    ),
    "multivariate.vector_ok": (
        "{name} ({columns} columns) is where it was: {distance:.3f} of {threshold:.3f}",
        "{name}（{columns} 列）没有变化：{distance:.3f}，阈值 {threshold:.3f}",
    ),
    "multivariate.vector_drift": (
        "{name} ({columns} columns) moved as a whole: {distance:.3f} is over {threshold:.3f}",
        "{name}（{columns} 列）整体发生变化：{distance:.3f} 超过 {threshold:.3f}",
    ),
}
