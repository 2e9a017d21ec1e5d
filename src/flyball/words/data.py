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
    "data.row_twice": (
        f"{_ROWS}, are exact copies of an earlier row; were they loaded twice?",
        f"有与前面的行完全相同的副本：{_ROWS_ZH}；是否重复导入？",
    ),
    "data.mostly_numbers": (
        f"{{column}} is text only because of {_ROWS}: {{found!r}}; all other values are numbers, which a model would read as such",
        f"{{column}} 只因 {_ROWS_ZH} 而成为文本：{{found!r}}；其余的值都是数字，模型本可按数字读取",
    ),
    "data.stale": (
        "the newest row is {days:.1f} days old ({column} is {newest} UTC), [quality] fresh allows {fresh}: does whatever writes the source "
        "still run?",
        "最新的一行已有 {days:.1f} 天（{column} 为 {newest} UTC），[quality] fresh 允许 {fresh}：写入数据源的程序还在运行吗？",
    ),
    "data.expect_absent": (
        "[quality] expect names the column {column!r}, which the data does not have{near}; columns present: {present}",
        "[quality] expect 中的列 {column!r} 在数据中不存在{near}；现有的列：{present}",
    ),
    "data.expect_below": (
        f"{{column}} is below {{limit:g}}, the least that [quality] expect allows, in {_ROWS}: {{found}}",
        f"{{column}} 低于 [quality] expect 允许的最小值 {{limit:g}}：{_ROWS_ZH}：{{found}}",
    ),
    "data.expect_above": (
        f"{{column}} is above {{limit:g}}, the most that [quality] expect allows, in {_ROWS}: {{found}}",
        f"{{column}} 高于 [quality] expect 允许的最大值 {{limit:g}}：{_ROWS_ZH}：{{found}}",
    ),
    "data.expect_not_number": (
        f"{{column}} is no number in {_ROWS}: {{found!r}}; [quality] expect gives it a min or max",
        f"{{column}} 不是数字：{_ROWS_ZH}：{{found!r}}；[quality] expect 为它规定了 min 或 max",
    ),
    "data.expect_not_allowed": (
        f"{{column}} is none of the values that [quality] expect allows ({{limit}}) in {_ROWS}: {{found!r}}",
        f"{{column}} 不在 [quality] expect 允许的值（{{limit}}）之中：{_ROWS_ZH}：{{found!r}}",
    ),
    "data.expect_missing": (
        f"{{column}} is missing in {{share:.2%}} of the rows, [quality] expect allows {{limit:.2%}}: {_ROWS}",
        f"{{column}} 缺失 {{share:.2%}}，[quality] expect 允许 {{limit:.2%}}：{_ROWS_ZH}",
    ),
    "data.expect_repeated": (
        f"{{column}} is not unique, as [quality] expect wants it: {_ROWS}, share their value with another ({{found!r}})",
        f"{{column}} 不唯一，而 [quality] expect 要求唯一：{_ROWS_ZH} 的值与其他行相同（{{found!r}}）",
    ),
    "data.log_left_out": (
        "{rows} of {of} rows of the prediction log break a rule of [quality] expect and are left out of the training",
        "预测日志的 {of} 行中有 {rows} 行违反 [quality] expect 的规则，未用于训练",
    ),
    "data.column_gone": (
        "the champion reads the column {column!r}, which the data no longer has; if that is meant, list the columns in data.features; "
        "columns present: {present}",
        "现任版本读取列 {column!r}，而数据中已没有该列；若是有意为之，请在 data.features 中列出各列；现有的列：{present}",
    ),
    "data.column_new": (
        "the column {column!r} is new and becomes a feature: the champion does not read it; list data.features to choose",
        "列 {column!r} 是新的，将成为特征：现任版本不读取它；可在 data.features 中选择",
    ),
    "data.number_to_text": (
        f"{{column}} held numbers when the champion was trained and holds text now, in {_ROWS} ({{found!r}})",
        f"{{column}} 在训练现任版本时为数字，现在有文本：{_ROWS_ZH}（{{found!r}}）",
    ),
    "data.text_to_number": (
        f"{{column}} held text when the champion was trained and holds numbers now, in {_ROWS} ({{found!r}})",
        f"{{column}} 在训练现任版本时为文本，现在为数字：{_ROWS_ZH}（{{found!r}}）",
    ),
    "data.more_missing": (
        f"{{column}} is missing in {{share:.1%}} of the rows, in the champion's training data it was {{usual:.1%}}: {_ROWS}",
        f"{{column}} 缺失 {{share:.1%}}，在现任版本的训练数据中为 {{usual:.1%}}：{_ROWS_ZH}",
    ),
    "data.more_outside": (
        f"{{column}} is outside everything the champion was trained on in {{share:.1%}} of the rows: {_ROWS}",
        f"{{column}} 有 {{share:.1%}} 超出现任版本训练数据的范围：{_ROWS_ZH}",
    ),
    "data.more_unknown": (
        f"{{column}} has values the champion was not trained on in {{share:.1%}} of the rows ({{found!r}}); it was {{usual:.1%}}: {_ROWS}",
        f"{{column}} 有 {{share:.1%}} 的值未见于现任版本的训练数据（{{found!r}}），原为 {{usual:.1%}}：{_ROWS_ZH}",
    ),
    "data.schema_rows": (
        f"{{schema}} does not accept {{column}}: {{check}} fails in {_ROWS} ({{found}})",
        f"{{schema}} 不接受 {{column}}：{{check}} 未通过：{_ROWS_ZH}（{{found}}）",
    ),
    "data.schema_whole": (
        "{schema} does not accept {column}: {check} fails ({found})",
        "{schema} 不接受 {column}：{check} 未通过（{found}）",
    ),
    "data.schema_table_rows": (
        f"{{schema}} does not accept the rows: {{check}} fails in {_ROWS} ({{found}})",
        f"{{schema}} 不接受这些行：{{check}} 未通过：{_ROWS_ZH}（{{found}}）",
    ),
    "data.schema_table_whole": (
        "{schema} does not accept the rows as a whole: {check} fails ({found})",
        "{schema} 不接受整个数据：{check} 未通过（{found}）",
    ),
    "data.schema_absent": (
        "{schema} wants the column {column!r}, which the prepared rows do not have",
        "{schema} 要求列 {column!r}，而准备后的数据中没有该列",
    ),
    "data.schema_extra": (
        "{schema} is strict and does not know the column {column!r}",
        "{schema} 为严格模式，不认识列 {column!r}",
    ),
    "data.schema_warning": ("{schema} warns: {found}", "{schema} 提出警告：{found}"),
    "data.schema_more": (
        "{schema} has {more} more complaints that are not listed",
        "{schema} 另有 {more} 条未列出的意见",
    ),
}
