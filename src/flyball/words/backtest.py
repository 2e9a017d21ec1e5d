"""Texts of `flyball backtest`, English and Chinese."""

SENTENCES: dict[str, tuple[str, str]] = {
    "backtest.no_floor": (
        "the spec has no [monitor] floor, so the policy performance, which retrains below it, is left out",
        "配置没有 [monitor] floor，因此略去以跌破底线为触发条件的 performance 策略",
    ),
    "backtest.influences": (
        "the model's answers change what happens (influences_outcome = true): the outcomes are those of the model that answered then, and "
        "no history tells what another answer would have led to. This shows when the loop would train and decide, not what it would gain",
        "模型的回答会改变结果（influences_outcome = true）：这里的结果来自当时作答的模型，历史无法说明换一种回答会怎样。"
        "因此这里只显示循环何时会训练和决策，而不显示能带来多少收益",
    ),
    "backtest.approved": (
        'approve = "manual": nobody is there to approve in a backtest, so every promotion is approved at once',
        'approve = "manual"：回测中无人审批，因此每次提升都视为立即批准',
    ),
    "backtest.title": ("Backtest of {model}", "{model} 的回测"),
    "backtest.span": (
        "{rows} rows from {start} to {end}, {labelled} of them with a known outcome; the loop looks every {step}",
        "{start} 至 {end} 共 {rows} 行，其中 {labelled} 行结果已知；每 {step} 检查一次",
    ),
    "backtest.ranked": (
        "Ranked by the mean of the monthly {metric} ({better}). Gains are against {reference}, with 95 % intervals over days.",
        "按各月 {metric} 的平均值排序（{better}）。增益相对于 {reference}，95 % 区间按天计算。",
    ),
    "backtest.lower": ("lower is better", "越低越好"),
    "backtest.higher": ("higher is better", "越高越好"),
    "backtest.policies": ("Policies", "策略"),
    "backtest.over_time": ("Over time", "随时间变化"),
    "backtest.decisions": ("Decisions", "决策"),
    "backtest.warnings": ("Mind", "注意"),
    "backtest.weekly": ("{metric}, week by week", "{metric}，逐周"),
    "backtest.weekly_about": (
        "One line for each policy; a mark on it is a retraining; shaded: the first model, left alone, is certainly below its floor",
        "每种策略一条线；线上的标记为重新训练；阴影：不更新的首个模型确定低于底线",
    ),
    "backtest.apart": (
        "Gain in {metric} over {reference}, added up week by week",
        "相对于 {reference} 的 {metric} 增益，逐周累计",
    ),
    "backtest.policy": ("policy", "策略"),
    "backtest.mean": ("mean {metric}", "平均 {metric}"),
    "backtest.gain": ("gain in {metric}", "{metric} 增益"),
    "backtest.retrains": ("retrains", "重新训练"),
    "backtest.cpu": ("CPU s", "CPU 秒"),
    "backtest.rows": ("rows learned from", "训练行数"),
    "backtest.promoted": ("promoted", "提升"),
    "backtest.refused": ("refused", "拒绝"),
    "backtest.rolled_back": ("rolled back", "回滚"),
    "backtest.alarms": ("alarms", "警报"),
    "backtest.false": ("false", "误报"),
    "backtest.missed": ("missed", "漏报"),
    "backtest.below": ("days below floor", "低于底线天数"),
    "backtest.at": ("time", "时间"),
    "backtest.what": ("decision", "决策"),
    "backtest.why": ("why", "原因"),
    "backtest.month": ("month", "月份"),
    "backtest.months": ("Month by month: {metric}", "逐月：{metric}"),
    "backtest.judged_by_changes": (
        "An alarm is false if none of the {changes} labelled changes lies at most {within} before it; a change without one is missed.",
        "若警报之前 {within} 内没有 {changes} 个已标注变化中的任何一个，则为误报；之后没有警报的变化为漏报。",
    ),
    "backtest.judged_by_losses": (
        "An alarm is false if the first model, left alone, is not certainly below its floor then or within {within}; {losses} such "
        "{losses:loss|losses} there were, and one without an alarm around its start is missed.",
        "若不更新的首个模型在警报时及其后 {within} 内未确定低于底线，则为误报；共有 {losses} 次这样的损失，开始前后没有警报的为漏报。",
    ),
    "backtest.unjudged_no_floor": (
        "Alarms are not judged: the spec has no [monitor] floor, and no changes were given (--changes).",
        "未评判警报：配置没有 [monitor] floor，也未提供变化时间（--changes）。",
    ),
    "backtest.unjudged_no_never": (
        "Alarms are not judged: the policy never was not replayed, and no changes were given (--changes).",
        "未评判警报：没有回放 never 策略，也未提供变化时间（--changes）。",
    ),
    "backtest.chosen": (
        "The settings that look best on a past are chosen on it: on the next year they will do worse than here.",
        "在过去数据上看来最好的设置是据此挑选的：在下一年的表现会不如这里。",
    ),
}
