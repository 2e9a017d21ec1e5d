"""Texts of the dashboard, English and Chinese: the page drift."""

_UNITS: dict[str, tuple[str, str]] = {
    "dashboard.drift.unit_hour": ("hour", "小时"),
    "dashboard.drift.unit_day": ("day", "天"),
    "dashboard.drift.unit_week": ("week", "周"),
    "dashboard.drift.last_4w": ("4 weeks", "4 周"),
    "dashboard.drift.last_13w": ("13 weeks", "13 周"),
    "dashboard.drift.last_52w": ("a year", "一年"),
}

_MAP: dict[str, tuple[str, str]] = {
    "dashboard.drift.title": ("Drift", "漂移"),
    "dashboard.drift.empty": (
        "Nothing was looked at yet. The loop looks at each tick once something was predicted: start it with flyball up, or look now with "
        "flyball monitor.",
        "尚未进行任何查看。有了预测之后，循环每次运行都会查看：用 flyball up 启动它，或现在用 flyball monitor 查看。",
    ),
    "dashboard.drift.no_reference": (
        "The version that answers has no reference, so nothing can be compared. Make one of rows such as it was trained on: "
        "flyball reference.",
        "当前版本没有参考数据，无法比较。请用与其训练数据相似的行生成参考数据：flyball reference。",
    ),
    "dashboard.drift.about": (
        "How far each column of what is asked of version @{version} is from what the model was trained on. Drift explains; whether the "
        "answers became worse stands on the page of performance.",
        "对版本 @{version} 的请求中，各列与训练数据相差多少。漂移只是解释；回答是否变差请看性能页面。",
    ),
    "dashboard.drift.last_look": ("Last look here,", "此处最近一次查看，"),
    "dashboard.drift.year_earlier": ("this time a year before", "一年前同期"),
    "dashboard.drift.find": ("Feature", "特征"),
    "dashboard.drift.from": ("From (UTC)", "从（UTC）"),
    "dashboard.drift.to": ("to (UTC)", "到（UTC）"),
    "dashboard.drift.show": ("Show", "显示"),
    "dashboard.drift.wrong": (
        "{text} is no time that can be shown; write it as 2026-03-01. What is shown is the default.",
        "{text} 不是可显示的时间；请写成 2026-03-01。当前显示默认时间段。",
    ),
    "dashboard.drift.stretch": (
        "A cell is the worst look of one {unit} (UTC); {looks} {looks:look was|looks were} read.",
        "每格是一{unit}（UTC）中最差的一次查看；共读取 {looks} 次查看。",
    ),
    "dashboard.drift.cut": ("Only the newest {count} of them are shown.", "只显示最近的 {count} 个。"),
    "dashboard.drift.legend": ("Distance as a part of its threshold:", "距离占阈值的比例："),
    "dashboard.drift.legend_warn": ("perhaps over it", "可能超过阈值"),
    "dashboard.drift.legend_drift": ("drift, for certain", "确定漂移"),
    "dashboard.drift.legend_few": ("too few rows to say", "数据太少，无法判断"),
    "dashboard.drift.no_looks": ("Nobody looked in this stretch of time.", "这段时间内没有查看。"),
    "dashboard.drift.looks_from": ("There are looks from", "已有的查看时间："),
    "dashboard.drift.said": ("What the model says", "模型的输出"),
    "dashboard.drift.features": ("Features", "特征"),
    "dashboard.drift.caption_said": ("Score and answer over time", "分数与回答随时间的变化"),
    "dashboard.drift.caption_features": ("Features over time, the worst first", "特征随时间的变化，最差的在前"),
    "dashboard.drift.column": ("Column", "列"),
    "dashboard.drift.version": ("Version", "版本"),
    "dashboard.drift.now": ("distance / threshold in the last look:", "最近一次查看的距离 / 阈值："),
    "dashboard.drift.by_missing": ("missing", "缺失"),
    "dashboard.drift.by_new_categories": ("new", "新类别"),
    "dashboard.drift.by_out_of_range": ("outside", "超出范围"),
    "dashboard.drift.by_infinite": ("infinite", "无穷大"),
    "dashboard.drift.by_unparsable": ("no number", "不是数字"),
    "dashboard.drift.worst": ("Look at {column}", "查看 {column}"),
    "dashboard.drift.matching": ("{rows} of {every} features match.", "{every} 个特征中有 {rows} 个匹配。"),
    "dashboard.drift.listed": (
        "Shown: {first} to {last} of {rows}, the worst first.",
        "显示第 {first} 到 {last} 个，共 {rows} 个，最差的在前。",
    ),
    "dashboard.drift.left_out": (
        "A kept look holds the {kept} columns that moved most; of the {count} others its cells are empty: they moved less.",
        "保存的查看只含偏移最大的 {kept} 列；其余 {count} 列的格子为空：它们偏移较小。",
    ),
    "dashboard.drift.none_found": ("No feature has {text} in its name.", "没有名称包含 {text} 的特征。"),
    "dashboard.drift.all_features": ("Show all features", "显示所有特征"),
    "dashboard.drift.pages": ("Pages of features", "特征分页"),
    "dashboard.drift.page": ("page {number} of {pages}", "第 {number} 页，共 {pages} 页"),
    "dashboard.drift.before": ("worse ones", "更差的"),
    "dashboard.drift.after": ("next ones", "后面的"),
}

_COLUMN: dict[str, tuple[str, str]] = {
    "dashboard.drift.back": ("All columns", "所有列"),
    "dashboard.drift.since": ("It began:", "开始于："),
    "dashboard.drift.unknown": (
        "No column of this name is known here. Perhaps an older version read it: choose an earlier stretch, or go back to all columns.",
        "这里没有这个名称的列。也许是旧版本使用的：请选择更早的时间段，或返回所有列。",
    ),
    "dashboard.drift.not_kept": (
        "No kept look of this stretch holds this column: of very many columns those are kept that moved most, and this one moved less.",
        "这段时间保存的查看中没有此列：列很多时只保存偏移最大的列，此列偏移较小。",
    ),
    "dashboard.drift.look": ("Look at version @{version} at", "查看版本 @{version}，时间"),
    "dashboard.drift.strip": ("Looks over time; choose one to see the column as it was then:", "各次查看；选择一次以查看该列当时的情况："),
    "dashboard.drift.shape": ("What version @{version} learned from, and what it was asked", "版本 @{version} 的训练数据与收到的请求"),
    "dashboard.drift.rows_between": ("{rows} rows,", "{rows} 行，"),
    "dashboard.drift.no_values": ("There is nothing to draw: one side has no value.", "没有可绘制的内容：有一侧没有值。"),
    "dashboard.drift.no_counts": (
        "No counts of this window are kept. They are made at each look of the loop (flyball tick); flyball monitor --rebuild makes them "
        "again from the prediction log.",
        "没有保存此窗口的计数。循环每次查看（flyball tick）时会生成；flyball monitor --rebuild 可从预测日志重新生成。",
    ),
    "dashboard.drift.facts": ("In numbers", "数值"),
    "dashboard.drift.past": ("Over time", "随时间的变化"),
    "dashboard.drift.distance_key": ("distance, with its bounds", "距离及其界限"),
    "dashboard.drift.one_look": (
        "There are less than two looks with enough rows here: a line needs two. Choose a longer stretch.",
        "这里行数足够的查看少于两次，无法画线。请选择更长的时间段。",
    ),
    "dashboard.drift.share_missing": ("missing, share of rows", "缺失的行所占比例"),
    "dashboard.drift.share_new_categories": ("new categories, share of rows", "新类别的行所占比例"),
    "dashboard.drift.share_out_of_range": ("outside the training range, share of rows", "超出训练范围的行所占比例"),
    "dashboard.drift.share_infinite": ("infinite, share of rows", "无穷大的行所占比例"),
    "dashboard.drift.share_unparsable": ("not a number, share of rows", "不是数字的行所占比例"),
    "dashboard.drift.no_shares": (
        "In no look of this stretch were values missing, new or out of range.",
        "这段时间的查看中没有缺失、新类别或超出范围的值。",
    ),
    "dashboard.drift.season": ("The same time before", "以往同一时间"),
    "dashboard.drift.hours": ("The same hours in training", "训练数据中的相同时段"),
    "dashboard.drift.hours_title": ("the same hours in training and this window", "训练数据中的相同时段与当前窗口"),
    "dashboard.drift.hours_key": ("training, weighted by the hours of this window", "训练数据（按此窗口的时段加权）"),
    "dashboard.drift.no_hours": (
        'The reference knows no hours. With season = "day" or "week" under [monitor] in flyball.toml, the next training keeps them.',
        '参考数据不含时段。在 flyball.toml 的 [monitor] 下设置 season = "day" 或 "week"，下次训练会保存。',
    ),
    "dashboard.drift.year": ("This time last year", "去年同期"),
    "dashboard.drift.year_title": ("a year before and this window", "一年前与当前窗口"),
    "dashboard.drift.year_key": (
        "as version @{version} was asked a year before, {rows} rows,",
        "一年前对版本 @{version} 的请求，{rows} 行，",
    ),
    "dashboard.drift.no_year": (
        "Nothing was counted a year before this look; from a year after the first prediction on it stands here.",
        "此次查看的一年前没有计数；从首次预测一年后起会在此显示。",
    ),
    "dashboard.drift.examples": ("Examples", "示例"),
    "dashboard.drift.error": ("error", "错误"),
    "dashboard.drift.warning": ("warning", "警告"),
    "dashboard.drift.example_rows": ("Predictions:", "预测："),
    "dashboard.drift.no_examples": (
        "The quality checks of this look found nothing in single rows of this column.",
        "此次查看的质量检查没有发现此列中有问题的行。",
    ),
}

SENTENCES: dict[str, tuple[str, str]] = {
    "dashboard.menu.drift": ("Drift", "漂移"),
    **_UNITS,
    **_MAP,
    **_COLUMN,
}
