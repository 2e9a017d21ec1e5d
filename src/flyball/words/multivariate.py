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
    "multivariate.few_runs": (
        "insufficient data: {days} days hold {runs} runs of as many days as the recent ones, {needed} are needed",
        "数据不足：{days} 天中与近期天数相同的连续时段只有 {runs} 个，需要 {needed} 个",
    ),
    "multivariate.vector_warn": (
        "{name} ({columns} columns) has perhaps moved as a whole: {distance:.3f}; as far are {p_value:.1%} of {runs} runs of as many days",
        "{name}（{columns} 列）整体可能发生变化：{distance:.3f}；在 {runs} 个同样长的时段中有 {p_value:.1%} 达到该值",
    ),
    "multivariate.vector_drift": (
        "{name} ({columns} columns) moved as a whole: {distance:.3f} is over {threshold:.3f}",
        "{name}（{columns} 列）整体发生变化：{distance:.3f} 超过 {threshold:.3f}",
    ),
    "multivariate.text_ok": (
        "the texts of {name} are what they were, as the model reads them ({by}): {distance:.3f} of {threshold:.3f}",
        "按模型的读法（{by}），{name} 的文本没有变化：{distance:.3f}，阈值 {threshold:.3f}",
    ),
    "multivariate.text_drift": (
        "the texts of {name} are about something else, as the model reads them ({by}): {distance:.3f} is over {threshold:.3f}",
        "按模型的读法（{by}），{name} 的文本内容发生变化：{distance:.3f} 超过 {threshold:.3f}",
    ),
    "multivariate.text_warn": (
        "the texts of {name} are perhaps about something else, as the model reads them ({by}): {distance:.3f} is far, "
        "but there are too few days to be certain",
        "按模型的读法（{by}），{name} 的文本内容可能发生变化：{distance:.3f} 较大，但天数太少，尚不能确定",
    ),
    "multivariate.facts_ok": (
        "the texts of {name} look as they did (length, words, characters): {distance:.3f} of {threshold:.3f}",
        "{name} 的文本外观没有变化（长度、词、字符）：{distance:.3f}，阈值 {threshold:.3f}",
    ),
    "multivariate.facts_drift": (
        "the texts of {name} look different (length, words, characters): {distance:.3f} is over {threshold:.3f}",
        "{name} 的文本外观发生变化（长度、词、字符）：{distance:.3f} 超过 {threshold:.3f}",
    ),
    "multivariate.facts_warn": (
        "the texts of {name} perhaps look different (length, words, characters): {distance:.3f} is far, "
        "but there are too few days to be certain",
        "{name} 的文本外观可能发生变化（长度、词、字符）：{distance:.3f} 较大，但天数太少，尚不能确定",
    ),
    "multivariate.no_embedding": (
        "no step of the model of version {version} turns {name} alone into numbers: its texts are compared by what they look like",
        "版本 {version} 的模型没有单独把 {name} 转成数值的步骤：只比较文本的外观",
    ),
    "multivariate.embedding_failed": (
        "the model cannot turn the texts of {name} into numbers ({error}): they are compared by what they look like",
        "模型无法把 {name} 的文本转成数值（{error}）：只比较文本的外观",
    ),
    "multivariate.model_not_signed": (
        "the model of version {version} is not opened here: opening it runs code, and its bundle does not sign it (versions trained"
        " from now on do): texts are compared by what they look like",
        "此处不打开版本 {version} 的模型：打开会运行代码，而其模型包没有为它签名（此后训练的版本会签名）：只比较文本的外观",
    ),
    "multivariate.not_opened": (
        "the model of version {version} is not opened here: {why}: texts are compared by what they look like",
        "此处不打开版本 {version} 的模型：{why}：只比较文本的外观",
    ),
}
