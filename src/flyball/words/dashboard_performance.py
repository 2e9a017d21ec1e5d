"""Texts of the dashboard, English and Chinese: the page performance."""

_CHOICE: dict[str, tuple[str, str]] = {
    "dashboard.menu.performance": ("Performance", "性能"),
    "dashboard.performance.title": ("Performance", "性能"),
    "dashboard.performance.no_version": (
        "No version has been trained yet, so there is nothing whose performance could be shown. Train the first one: flyball train",
        "尚未训练任何版本，因此没有可显示的性能。请训练第一个版本：flyball train",
    ),
    "dashboard.performance.no_report": (
        "Nothing has been measured yet. A version has to be champion, predictions have to be asked for, and the loop has to look: "
        "flyball promote, flyball serve, then flyball up (or flyball tick, again and again).",
        "尚未测量。需要有现任版本、有预测请求，并由循环查看：flyball promote、flyball serve，然后 flyball up（或定期运行 flyball tick）。",
    ),
    "dashboard.performance.metric": ("Metric", "指标"),
    "dashboard.performance.version": ("Version", "版本"),
    "dashboard.performance.whichever": ("whichever answered", "当时应答的版本"),
    "dashboard.performance.from": ("From (UTC)", "从（UTC）"),
    "dashboard.performance.to": ("to", "至"),
    "dashboard.performance.show": ("Show", "显示"),
    "dashboard.performance.days": ("{days} days", "{days} 天"),
    "dashboard.performance.usual": ("Show the last 90 days.", "显示最近 90 天。"),
    "dashboard.performance.nothing_here": (
        "No report is kept whose window ends between {first} and {last} (UTC).",
        "{first} 至 {last}（UTC）之间没有保留的报告。",
    ),
    "dashboard.performance.no_such_version": (
        "Version {wanted!r} never was champion, so no report is about it; all versions are shown.",
        "版本 {wanted!r} 从未成为现任版本，没有关于它的报告；现显示所有版本。",
    ),
    "dashboard.performance.no_day": (
        "{wanted!r} is no day such as 2013-07-14; it is left out.",
        "{wanted!r} 不是形如 2013-07-14 的日期，已忽略。",
    ),
    "dashboard.performance.turned": ("The span ends before it begins; the usual one is shown.", "时间段的结束早于开始；现显示默认时间段。"),
}

_NOW: dict[str, tuple[str, str]] = {
    "dashboard.performance.as_of": ("as of", "截至"),
    "dashboard.performance.version_n": ("version {version}", "版本 {version}"),
    "dashboard.performance.firing": ("Alert firing:", "触发中的警报："),
    "dashboard.performance.since": ("since", "自"),
    "dashboard.performance.realised_n": ("Realised {metric}", "实际 {metric}"),
    "dashboard.performance.same_n": ("Estimated {metric}, same rows", "估计 {metric}（同一批行）"),
    "dashboard.performance.newest_n": ("Estimated {metric}, newest rows", "估计 {metric}（最新的行）"),
    "dashboard.performance.none_yet": ("no outcomes are known yet", "尚无已知结果"),
    "dashboard.performance.floor": ("Floor", "底线"),
    "dashboard.performance.floor_is.lower": ("must not be certainly above", "不得确定高于此值"),
    "dashboard.performance.floor_is.higher": ("must not be certainly below", "不得确定低于此值"),
    "dashboard.performance.floor_other": ("the policy has one for {metric} alone", "策略仅为 {metric} 设了底线"),
    "dashboard.performance.no_floor": (
        "none is set: write floor under [monitor] in flyball.toml",
        "未设置：在 flyball.toml 的 [monitor] 中写 floor",
    ),
    "dashboard.performance.known": ("Outcomes known", "已知结果"),
    "dashboard.performance.of_matured": ("{labelled:,} of {matured:,} matured", "{matured:,} 个到期，{labelled:,} 个已知"),
}

_TIME: dict[str, tuple[str, str]] = {
    "dashboard.performance.over_time": ("Over time", "随时间的变化"),
    "dashboard.performance.chart": ("{metric} over time", "{metric} 随时间的变化"),
    "dashboard.performance.chart_about": (
        "{metric} at {looks} looks, realised and estimated: realised {first} at the first, {last} at the last",
        "{looks} 次查看的 {metric}，实际与估计：首次实际值 {first}，末次 {last}",
    ),
    "dashboard.performance.realised": ("realised", "实际"),
    "dashboard.performance.same": ("estimated, same rows", "估计（同一批行）"),
    "dashboard.performance.newest": ("estimated, newest rows", "估计（最新的行）"),
    "dashboard.performance.held_out": ("held out at training", "训练时的留出值"),
    "dashboard.performance.floor_line": ("floor", "底线"),
    "dashboard.performance.alarm": ("alert firing", "警报触发中"),
    "dashboard.performance.better.lower": ("Lower is better.", "越低越好。"),
    "dashboard.performance.better.higher": ("Higher is better.", "越高越好。"),
    "dashboard.performance.how": (
        "Each point stands at the end (UTC) of the rows that it is about; bands are 95 % bounds on each side. Estimates are made "
        "from scores alone, before any outcome: they cannot see that the same inputs have come to mean something else.",
        "每个点位于其所涉各行的末尾（UTC）；色带为每侧 95 % 的界限。估计仅由分数得出，早于任何结果：它无法察觉相同输入的含义已经改变。",
    ),
    "dashboard.performance.thinned": (
        "{read} of the {kept} kept reports are shown; a shorter span shows more of them.",
        "共保留 {kept} 份报告，显示其中 {read} 份；缩短时间段可显示更多。",
    ),
    "dashboard.performance.no_values": (
        "No report of this span has a value of {metric}: no outcomes are known yet, and nothing could be estimated. "
        "Tell outcomes with flyball outcomes FILE or POST /outcomes.",
        "该时间段内没有任何报告含 {metric} 的值：尚无已知结果，也无法估计。请用 flyball outcomes FILE 或 POST /outcomes 提供结果。",
    ),
    "dashboard.performance.numbers": ("The numbers", "数值"),
    "dashboard.performance.numbers_caption": (
        "The newest {shown} of {looks} looks, the newest first",
        "{looks} 次查看中最新的 {shown} 次，最新在前",
    ),
    "dashboard.performance.look": ("Look", "查看时间"),
    "dashboard.performance.outcomes": ("Outcomes / matured", "结果 / 到期"),
}

_COVERAGE: dict[str, tuple[str, str]] = {
    "dashboard.performance.coverage": ("What is known", "已知程度"),
    "dashboard.performance.coverage_about": (
        "{labelled} predictions with an outcome, {without} old enough but without one, {young} too young",
        "{labelled} 个预测有结果，{without} 个到期但没有结果，{young} 个尚未到期",
    ),
    "dashboard.performance.with_outcome": ("{count:,} with an outcome", "{count:,} 个有结果"),
    "dashboard.performance.without_outcome": ("{count:,} old enough, without an outcome", "{count:,} 个到期但没有结果"),
    "dashboard.performance.young": ("{count:,} not old enough yet", "{count:,} 个尚未到期"),
    "dashboard.performance.lags": (
        "Half of the outcomes came within {median} of their prediction, nine in ten within {ninety}.",
        "一半的结果在预测后 {median} 内到达，九成在 {ninety} 内到达。",
    ),
    "dashboard.performance.no_outcomes": (
        "No outcomes are known yet. Tell them with flyball outcomes FILE or POST /outcomes; until then there are only estimates.",
        "尚无实际结果。请用 flyball outcomes FILE 或 POST /outcomes 提供；在此之前只有估计。",
    ),
    "dashboard.performance.no_details": (
        "The newest report says nothing of outcomes: its details could not be measured. "
        "The next look tries again; flyball monitor says why.",
        "最新的报告没有关于结果的内容：其详情未能测量。下次查看时会重试；flyball monitor 会说明原因。",
    ),
    "dashboard.performance.known_title": ("Matured predictions with an outcome", "到期预测中有结果的比例"),
    "dashboard.performance.known_about": ("{share} at the last look", "末次查看时为 {share}"),
    "dashboard.performance.lag_caption": ("How long outcomes take", "结果到达所需时间"),
    "dashboard.performance.lag_title": ("How long outcomes take, in {unit}", "结果到达所需时间，单位 {unit}"),
    "dashboard.performance.lag_about": ("half within {median}, nine in ten within {ninety}", "一半在 {median} 内，九成在 {ninety} 内"),
    "dashboard.performance.half": ("half", "一半"),
    "dashboard.performance.nine": ("nine in ten", "九成"),
}

_SLICES: dict[str, tuple[str, str]] = {
    "dashboard.performance.slices": ("Slices, the worst first", "切片（最差在前）"),
    "dashboard.performance.slices_told": (
        "{worse} of {total} {total:slice|slices} {worse:is|are} certainly worse than the other rows, by {metric}.",
        "按 {metric}，{total} 个切片中有 {worse} 个确定差于其余各行。",
    ),
    "dashboard.performance.slices_few": (
        "{few} {few:has|have} too few rows to be certain of anything.",
        "{few} 个切片行数太少，无法确定。",
    ),
    "dashboard.performance.slices_metric": (
        "Slices are kept for {metric} alone, the metric of the floor.",
        "切片仅按底线指标 {metric} 保留。",
    ),
    "dashboard.performance.slices_caption": (
        "{metric} by slice, with bounds that hold for all slices together; the dashed line is the value of all rows.",
        "各切片的 {metric}，其界限对所有切片同时成立；虚线为全部行的值。",
    ),
    "dashboard.performance.slice": ("Slice", "切片"),
    "dashboard.performance.interval": ("Where it lies", "所处位置"),
    "dashboard.performance.rows": ("Rows", "行数"),
    "dashboard.performance.in_words": ("In words", "说明"),
    "dashboard.performance.worse": ("worse", "更差"),
    "dashboard.performance.before": ("Before", "上一页"),
    "dashboard.performance.after": ("Next", "下一页"),
    "dashboard.performance.page_of": ("page {page} of {pages}", "第 {page} 页，共 {pages} 页"),
    "dashboard.performance.no_slices": (
        'No slices are kept. Name columns, or keys of the requests\' context, in flyball.toml: [monitor] slices = ["region"]. '
        "The next look then tells of them.",
        '没有保留切片。请在 flyball.toml 中写明列名或请求上下文的键：[monitor] slices = ["region"]。下次查看起即可显示。',
    ),
}

_MISTAKES: dict[str, tuple[str, str]] = {
    "dashboard.performance.mistakes": ("How answers are wrong", "错误的样子"),
    "dashboard.performance.calibration": ("Calibration", "校准"),
    "dashboard.performance.calibration_how": (
        "Share of positives (up) by score (right), with bounds. A calibrated model lies on the dashed line; "
        "bars say how many rows there are.",
        "按分数（横轴）的正例比例（纵轴）及界限。校准良好的模型位于虚线上；柱表示行数。",
    ),
    "dashboard.performance.no_curve_rows": (
        "There is no curve: {rows} {rows:outcome is|outcomes are} known of the 100 it takes. "
        "Tell them with flyball outcomes FILE or POST /outcomes.",
        "没有校准曲线：已知 {rows} 个结果，至少需要 100 个。请用 flyball outcomes FILE 或 POST /outcomes 提供。",
    ),
    "dashboard.performance.no_curve": (
        "There is no curve: the scores of this version are no probabilities, so there is nothing to hold them against.",
        "没有校准曲线：该版本的分数不是概率，无从比较。",
    ),
    "dashboard.performance.score": ("Mean score", "平均分数"),
    "dashboard.performance.share": ("Share of positives", "正例比例"),
    "dashboard.performance.confusion": ("Confusion matrix", "混淆矩阵"),
    "dashboard.performance.confusion_at": (
        "Answered {name!r} from a score of {threshold:g} on. Shares are of the true class.",
        "分数达到 {threshold:g} 时应答为 {name!r}。百分比为占真实类别的比例。",
    ),
    "dashboard.performance.confusion_most": (
        "The most probable class is answered. Shares are of the true class.",
        "应答为概率最大的类别。百分比为占真实类别的比例。",
    ),
    "dashboard.performance.confusion_caption": (
        "Rows with an outcome: what was true (down) and what was answered (across)",
        "有结果的行：真实类别（纵向）与应答类别（横向）",
    ),
    "dashboard.performance.said": ("answered {name}", "应答 {name}"),
    "dashboard.performance.was": ("was {name}", "实为 {name}"),
    "dashboard.performance.together": ("together", "合计"),
    "dashboard.performance.right": ("Right answers", "正确应答"),
    "dashboard.performance.precision": ("Of those answered {name}, true (precision)", "应答为 {name} 者中属实的比例（精确率）"),
    "dashboard.performance.recall": ("Of those that were {name}, found (recall)", "实为 {name} 者中被找到的比例（召回率）"),
    "dashboard.performance.no_confusion": (
        "This report keeps no confusion matrix: no outcomes were known, or it was made before they were kept. "
        "The next look keeps one (flyball up, or flyball tick).",
        "此报告没有保留混淆矩阵：当时没有已知结果，或报告早于此功能。下次查看时会保留（flyball up 或 flyball tick）。",
    ),
    "dashboard.performance.errors": ("Error by answer", "各应答值的误差"),
    "dashboard.performance.errors_how": (
        "Answer minus truth (up) by the size of the answer (right), in the unit of the target, with bounds. "
        "Above the dashed line answers are too high; bars say how many rows there are.",
        "应答减真实值（纵轴）对应答大小（横轴），单位同目标，含界限。虚线以上表示应答过高；柱表示行数。",
    ),
    "dashboard.performance.spread": ("Spread of the errors", "误差的分布"),
    "dashboard.performance.spread_told": (
        "On average answers are off by {mean} {bounds} (answer minus truth, in the unit of the target; {rows:,} rows).",
        "应答平均偏离 {mean} {bounds}（应答减真实值，单位同目标；{rows:,} 行）。",
    ),
    "dashboard.performance.spread_caption": (
        "Answer minus truth: so many per cent of the rows are below",
        "应答减真实值：低于该值的行所占百分比",
    ),
    "dashboard.performance.no_residuals": (
        "This report keeps no errors: fewer than 100 outcomes were known, or it was made before they were kept. "
        "The next look keeps them (flyball up, or flyball tick).",
        "此报告没有保留误差：已知结果不足 100 个，或报告早于此功能。下次查看时会保留（flyball up 或 flyball tick）。",
    ),
}

SENTENCES: dict[str, tuple[str, str]] = {**_CHOICE, **_NOW, **_TIME, **_COVERAGE, **_SLICES, **_MISTAKES}
