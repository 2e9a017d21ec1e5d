"""Sentences about the quality of training data, English and Chinese."""

_ROWS = "{rows} rows, such as {examples}"
_ROWS_ZH = "{rows} 行，例如 {examples}"

SENTENCES: dict[str, tuple[str, str]] = {
    "data.empty": ("{source} has no rows", "{source} 没有任何行"),
    "data.column_absent": (
        "the data has no column {column!r}{near}; columns present: {present}",
        "数据中没有列 {column!r}{near}；现有的列：{present}",
    ),
    "data.no_features": ("no column is left to be a feature; columns present: {present}", "没有可作特征的列；现有的列：{present}"),
    "data.target_all_missing": ("the target {column} is missing in every row", "目标 {column} 在所有行中都缺失"),
    "data.target_constant": (
        "the target {column} has one value only: {found}; there is nothing to learn",
        "目标 {column} 只有一个值：{found}；没有可学习的内容",
    ),
    "data.target_not_binary": (
        "the target {column} has {classes} values ({found}), a binary task has two; write task = 'multiclass' or 'regression'",
        "目标 {column} 有 {classes} 个值（{found}），二分类任务应有两个；请写 task = 'multiclass' 或 'regression'",
    ),
    "data.target_not_classes": (
        "the target {column} has {classes} different values ({found}): these are numbers, not classes; write task = 'regression'",
        "目标 {column} 有 {classes} 个不同的值（{found}）：这是数值而不是类别；请写 task = 'regression'",
    ),
    "data.target_not_number": (
        f"the target {{column}} of a regression is not a number in {_ROWS}: {{found!r}}",
        f"回归目标 {{column}} 不是数字：{_ROWS_ZH}：{{found!r}}",
    ),
    "data.rare_class": (
        f"the class {{found}} of {{column}} has only {_ROWS}: little can be learned and nothing measured about it",
        f"{{column}} 的类别 {{found}} 只有 {_ROWS_ZH}：难以学习，也无法衡量",
    ),
    "data.all_missing": ("the feature {column} is missing in every row", "特征 {column} 在所有行中都缺失"),
    "data.constant": (
        "the feature {column} has the value {found} in every row: a model learns nothing from it",
        "特征 {column} 在所有行中都是 {found}：模型无法从中学习",
    ),
    "data.infinite": (f"{{column}} is infinite in {_ROWS}", f"{{column}} 为无穷大：{_ROWS_ZH}"),
    "data.mixed_types": (
        f"{{column}} mixes text and numbers: another kind than the rest ({{found!r}}) in {_ROWS}",
        f"{{column}} 混有文本和数字：与其余不同（{{found!r}}）：{_ROWS_ZH}",
    ),
    "data.time_as_feature": (
        "the feature {column} is a time, which no model reads; make numbers of it in prepare, or leave it out of features",
        "特征 {column} 是时间，模型无法读取；请在 prepare 中转成数字，或不作为特征",
    ),
    "data.time_missing": (f"the time {{column}} is missing in {_ROWS}", f"时间 {{column}} 缺失：{_ROWS_ZH}"),
    "data.time_unreadable": (
        f"{{column}} cannot be read as a time in {_ROWS}: {{found!r}}; write 2024-01-31T12:00:00Z",
        f"{{column}} 无法读作时间：{_ROWS_ZH}：{{found!r}}；请写成 2024-01-31T12:00:00Z",
    ),
    "data.time_naive": (
        f"{{column}} has no time zone in {_ROWS}: {{found!r}}; add Z or an offset such as +08:00",
        f"{{column}} 没有时区：{_ROWS_ZH}：{{found!r}}；请加上 Z 或偏移量，如 +08:00",
    ),
    "data.outcome_before_time": (
        f"{{column}} lies before {{time}} in {_ROWS}: an outcome cannot be known before it is predicted",
        f"{{column}} 早于 {{time}}：{_ROWS_ZH}：结果不可能在预测之前得知",
    ),
    "data.id_missing": (f"the id {{column}} is missing in {_ROWS}", f"标识 {{column}} 缺失：{_ROWS_ZH}"),
    "data.unit_missing": (f"the unit {{column}} is missing in {_ROWS}", f"单元 {{column}} 缺失：{_ROWS_ZH}"),
    "data.id_twice": (
        f"the id {{column}} is not unique: {_ROWS}; outcomes told by this id may be ambiguous",
        f"标识 {{column}} 不唯一：{_ROWS_ZH}；按此标识报告的结果可能有歧义",
    ),
}
