"""Sentences of experiments: why arms may not be compared, what a comparison says so far, and what a rollout will take."""

_ARMS = "{champion:,} and {challenger:,} units (champion and challenger{phases:?, phase {phase}}), {found:.2%} where the share is {share:.2%}"
_ARMS_ZH = "现任与挑战者{phases:?（第 {phase} 阶段）}各有 {champion:,} 与 {challenger:,} 个单元，挑战者占 {found:.2%}，应为 {share:.2%}"
_GAIN = "{metric} gain {gain:+.5f} [{lower:+.5f}, {upper:+.5f}] on {rows:,} {rows:row|rows} of {blocks:,} {kind}"
_GAIN_ZH = "{metric} 增益 {gain:+.5f} [{lower:+.5f}, {upper:+.5f}]，共 {blocks:,} 个{kind} {rows:,} 行"

SENTENCES: dict[str, tuple[str, str]] = {
    "arms.ratio": (
        f"units are not split as the share says: {_ARMS}; something keeps units of one arm from being logged, so nothing is decided "
        "(always-valid p = {p:.1g})",
        f"单元未按设定比例分配：{_ARMS_ZH}；有一臂的单元未被记录，因此不作决定（始终有效 p = {{p:.1g}}）",
    ),
    "arms.ratio_labelled": (
        f"labels do not come to both arms alike: of the units with labels, {_ARMS}; what is missing may be what differs, so nothing is "
        "decided (always-valid p = {p:.1g})",
        f"两臂获得标签的单元不成比例：{_ARMS_ZH}；缺失的部分可能正是差异所在，因此不作决定（始终有效 p = {{p:.1g}}）",
    ),
    "arms.coverage": (
        "{challenger:.1%} of the challenger's matured rows have a label and {champion:.1%} of the champion's: the arms cannot be compared "
        "until labels come to both alike (difference certainly in [{lower:+.2%}, {upper:+.2%}])",
        "挑战者成熟数据中有 {challenger:.1%} 获得标签，现任版本为 {champion:.1%}：标签到达不一致，两臂不可比较"
        "（差异确定在 [{lower:+.2%}, {upper:+.2%}]）",
    ),
    "arms.delay": (
        "half of the challenger's labels came within {challenger:.1f} hours and half of the champion's within {champion:.1f}: the arms "
        "cannot be compared while labels of one come later",
        "挑战者一半标签在 {challenger:.1f} 小时内到达，现任版本为 {champion:.1f} 小时：一臂的标签更晚到达时两臂不可比较",
    ),
    "experiment.none": ("no rollout has been started yet", "尚未开始任何比较"),
    "experiment.nothing": (
        "no whole day has matured yet, so nothing can be said: outcomes count {matures} after the prediction",
        "尚无完整的成熟日，无法下结论：结果在预测后 {matures} 计入",
    ),
    "experiment.few": (
        "{blocks:,} {kind} so far with {rows:,} labelled {rows:row|rows}; bounds are given from {needed:,} on",
        "目前有 {blocks:,} 个{kind}、{rows:,} 行有标签数据；达到 {needed:,} 后给出界限",
    ),
    "experiment.trouble": ("nothing may be decided: {what}", "不可作决定：{what}"),
    "experiment.better": (f"version {{version}} is certainly better than {{against}}: {_GAIN}", f"版本 {{version}} 确定优于 {{against}}：{_GAIN_ZH}"),
    "experiment.not_worse": (
        f"version {{version}} is certainly not worse than {{against}} by {{margin}} or more: {_GAIN}",
        f"版本 {{version}} 确定不比 {{against}} 差 {{margin}} 以上：{_GAIN_ZH}",
    ),
    "experiment.worse": (f"version {{version}} is certainly worse than {{against}}: {_GAIN}", f"版本 {{version}} 确定劣于 {{against}}：{_GAIN_ZH}"),
    "experiment.undecided": (
        f"not decided yet between version {{version}} and {{against}}: {_GAIN}; zero{{margin:? and -{{margin}}}} lies inside",
        f"版本 {{version}} 与 {{against}} 尚未分出：{_GAIN_ZH}；界限内包含零",
    ),
    "experiment.ended": ("ended {at}: {what}", "已于 {at} 结束：{what}"),
    "experiment.days": ("days", "日"),
    "experiment.units": ("units", "单元"),
    "plan.paired": (
        "{days} whole days will have matured by the deadline, about {rows:,.0f} {rows:row|rows} scored by both versions; by then a "
        "{metric} gain of {gain:.5f} is found in 8 of 10 cases",
        "到期限将有 {days} 个完整成熟日，约 {rows:,.0f} 行由两个版本评分；届时 {gain:.5f} 的 {metric} 增益十有八次可被发现",
    ),
    "plan.arms": (
        "{days} whole days will have matured by the deadline, about {rows:,.0f} labelled rows, {share:.0%} of them the challenger's, "
        "{blocks:,} {kind}; by then a {metric} gain of {gain:.5f} is found in 8 of 10 cases",
        "到期限将有 {days} 个完整成熟日，约 {rows:,.0f} 行有标签数据，其中挑战者占 {share:.0%}，共 {blocks:,} 个{kind}；"
        "届时 {gain:.5f} 的 {metric} 增益十有八次可被发现",
    ),
    "plan.soon": (
        "a gain of {part:.0%} of today's {metric} ({gain:.5f}) takes about {days} days and {rows:,.0f} rows",
        "相当于目前 {metric} 的 {part:.0%} 的增益（{gain:.5f}）约需 {days} 天、{rows:,.0f} 行",
    ),
    "plan.long": (
        "a gain of {part:.0%} of today's {metric} ({gain:.5f}) would take more than {longest} days",
        "相当于目前 {metric} 的 {part:.0%} 的增益（{gain:.5f}）需要 {longest} 天以上",
    ),
    "plan.unknown": ("rows per day are not known yet: nothing is logged, and the data have no time", "每天行数未知：尚无记录，数据也没有时间"),
    "plan.basis_log": ("from {rows:,} predictions logged in the last {days} days", "依据最近 {days} 天记录的 {rows:,} 次预测"),
    "plan.basis_data": ("from the {rows:,} rows of the data, {days} days", "依据数据中 {days} 天的 {rows:,} 行"),
    "plan.spread_known": ("the spread of daily differences is that of {days} held-out days", "每日差异的离散度取自 {days} 个留出日"),
    "plan.spread_prior": (
        "no candidate was compared yet, so days are taken to differ by {part:.0%} of the loss",
        "尚无候选版本比较过，假定每日差异为损失的 {part:.0%}",
    ),
}
