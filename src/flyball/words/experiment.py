"""Sentences of experiments: why arms may not be compared, what a comparison says so far, and what a rollout will take."""

_ARMS = (
    "{champion:,} and {challenger:,} units (champion and challenger{phases:?, phase {phase}}), {found:.2%} where the share is {share:.2%}"
)
_ARMS_ZH = "现任与挑战者{phases:?（第 {phase} 阶段）}各有 {champion:,} 与 {challenger:,} 个单元，挑战者占 {found:.2%}，应为 {share:.2%}"
_GAIN = "{metric} gain {gain:+.5f} [{lower:+.5f}, {upper:+.5f}] on {rows:,} {rows:row|rows} of {days:?{days} days}{units:?{units} units}"
_GAIN_ZH = "{metric} 增益 {gain:+.5f} [{lower:+.5f}, {upper:+.5f}]，共 {days:?{days} 天}{units:?{units} 个单元} {rows:,} 行"
_BLOCKS, _BLOCKS_ZH = "{days:?{days} days}{units:?{units} units}", "{days:?{days} 天}{units:?{units} 个单元}"

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
    "experiment.nothing": (
        "no whole day has matured with labels of both versions yet, so nothing can be said"
        "{matures:?; outcomes count {matures} after the prediction}",
        "尚无两个版本都有标签的完整成熟日，无法下结论{matures:?；结果在预测后 {matures} 计入}",
    ),
    "experiment.few": (
        f"{{rows:,}} labelled {{rows:row|rows}} of {_BLOCKS} so far; bounds are given from {{needed}} "
        "{days:?days}{units:?units in each arm} on",
        f"目前有 {_BLOCKS_ZH}、{{rows:,}} 行有标签数据；{{units:?每臂}}达到 {{needed}} 个{{days:?日}}{{units:?单元}}后给出界限",
    ),
    "experiment.better": (
        f"version {{version}} is certainly better than {{against}}: {_GAIN}",
        f"版本 {{version}} 确定优于 {{against}}：{_GAIN_ZH}",
    ),
    "experiment.not_worse": (
        f"version {{version}} is certainly not worse than {{against}} by {{margin}} or more: {_GAIN}",
        f"版本 {{version}} 确定不比 {{against}} 差 {{margin}} 以上：{_GAIN_ZH}",
    ),
    "experiment.worse": (
        f"version {{version}} is certainly worse than {{against}}: {_GAIN}",
        f"版本 {{version}} 确定劣于 {{against}}：{_GAIN_ZH}",
    ),
    "experiment.undecided": (
        f"not decided yet between version {{version}} and {{against}}: {_GAIN}",
        f"版本 {{version}} 与 {{against}} 尚未分出：{_GAIN_ZH}",
    ),
    "plan.paired": (
        "{days} whole days will have matured by the deadline, about {rows:,.0f} {rows:row|rows} scored by both versions; by then a "
        "{metric} gain of {gain:.5f} is found in 8 of 10 cases",
        "到期限将有 {days} 个完整成熟日，约 {rows:,.0f} 行由两个版本评分；届时 {gain:.5f} 的 {metric} 增益十有八次可被发现",
    ),
    "plan.arms": (
        "{days} whole days will have matured by the deadline, about {rows:,.0f} labelled rows, {share:.0%} of them the challenger's, "
        "{days_of:?{days_of} blocks of days}{units:?{units} units}; by then a {metric} gain of {gain:.5f} is found in 8 of 10 cases",
        "到期限将有 {days} 个完整成熟日，约 {rows:,.0f} 行有标签数据，"
        "其中挑战者占 {share:.0%}，共 {days_of:?{days_of} 个日块}{units:?{units} 个单元}；"
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
    "plan.unknown": (
        "rows per day are not known yet: nothing is logged, and the data have no time",
        "每天行数未知：尚无记录，数据也没有时间",
    ),
    "plan.basis_log": ("from {rows:,} predictions logged in the last {days} days", "依据最近 {days} 天记录的 {rows:,} 次预测"),
    "plan.basis_data": ("from the {rows:,} rows of the data, {days} days", "依据数据中 {days} 天的 {rows:,} 行"),
    "plan.spread_known": ("the spread of daily differences is that of {days} held-out days", "每日差异的离散度取自 {days} 个留出日"),
    "plan.spread_prior": (
        "no candidate was compared yet, so days are taken to differ by {part:.0%} of the loss",
        "尚无候选版本比较过，假定每日差异为损失的 {part:.0%}",
    ),
    "report.exp_title": ("{model}: version {version} against {champion}", "{model}：版本 {version} 对比 {champion}"),
    "report.exp_state_running": ("running", "进行中"),
    "report.exp_state_paused": ("paused", "已暂停"),
    "report.exp_state_ended": ("ended", "已结束"),
    "report.exp_call_pass": ("Better", "更好"),
    "report.exp_call_fail": ("Worse", "更差"),
    "report.exp_call_undecided": ("Not decided", "未定"),
    "report.exp_call_trouble": ("Cannot be compared", "不可比较"),
    "report.exp_headline": (
        "{strategy} by {metric}, started {start}, deadline {deadline}; as of {at}",
        "{strategy}，按 {metric}，开始于 {start}，期限 {deadline}；截至 {at}",
    ),
    "report.exp_ended": ("Ended {at}: {what}", "已于 {at} 结束：{what}"),
    "report.exp_expected": (
        "If the gain stays what it is, this is decided about {at}.",
        "若增益保持现状，约于 {at} 得出结论。",
    ),
    "report.exp_not_expected": (
        "If the gain stays what it is, this is not decided before the deadline, and the champion stays.",
        "若增益保持现状，期限前无法得出结论，将保留现任版本。",
    ),
    "report.exp_earliest": ("Nothing is promoted before {at}.", "{at} 之前不会提升。"),
    "report.exp_gain": ("Gain in {metric}", "{metric} 增益"),
    "report.exp_bounds": ("always-valid, {level:.0%} on each side", "始终有效，每侧 {level:.0%}"),
    "report.exp_fixed": ("As if looked at once", "若只看一次"),
    "report.exp_p": ("p = {p:.3g}; decides nothing", "p = {p:.3g}；不作为依据"),
    "report.exp_blocks": ("Evidence", "证据"),
    "report.exp_of_days": ("{blocks:,} {blocks:block|blocks} of days", "{blocks:,} 个日块"),
    "report.exp_of_units": ("{blocks:,} {blocks:unit|units}", "{blocks:,} 个单元"),
    "report.exp_rows": ("{rows:,} labelled {rows:row|rows}", "{rows:,} 行有标签"),
    "report.exp_split": ("Split (sample ratio)", "分配比例"),
    "report.exp_split_p": (
        "p = {p:.2g} of all units, {labelled:.2g} of those with labels",
        "全部单元 p = {p:.2g}，有标签单元 {labelled:.2g}",
    ),
    "report.exp_split_ok": ("as the shares say", "符合设定"),
    "report.exp_split_bad": ("mismatch", "不符"),
    "report.exp_preferred": ("Challenger is better", "挑战者更好的概率"),
    "report.exp_preferred_note": ("probability, given the evidence", "依据现有证据"),
    "report.exp_over_time": ("How certain it became", "确定程度的变化"),
    "report.exp_over_legend": ("gain and bounds at each look", "每次查看时的增益与界限"),
    "report.exp_lines": ("what a bound has to pass", "界限须越过的线"),
    "report.exp_over_about": ("{looks} {looks:look|looks}; at the last, gain {gain:+.5f}", "共 {looks} 次查看；最近一次增益 {gain:+.5f}"),
    "report.exp_no_looks": ("There are no bounds yet to draw.", "尚无可绘制的界限。"),
    "report.exp_daily": ("Gain day by day", "每日增益"),
    "report.exp_daily_about": (
        "{days} {days:day|days}, {better} of them in favour of the new version",
        "共 {days} 天，其中 {better} 天新版本更好",
    ),
    "report.exp_daily_note": ("above zero: the new version did better that day", "零以上：当日新版本更好"),
    "report.exp_arms": ("The arms", "两臂"),
    "report.exp_arm": ("arm", "臂"),
    "report.exp_arm_champion": ("champion {version}", "现任 {version}"),
    "report.exp_arm_challenger": ("challenger {version}", "挑战者 {version}"),
    "report.exp_asked": ("rows", "行"),
    "report.exp_units": ("units", "单元"),
    "report.exp_matured": ("matured", "已成熟"),
    "report.exp_labelled": ("labelled", "有标签"),
    "report.exp_coverage": ("coverage", "覆盖率"),
    "report.exp_mean": ("mean {metric}", "平均 {metric}"),
    "report.exp_lag": ("label after (median)", "标签延迟（中位）"),
    "report.exp_phases": ("Phases", "阶段"),
    "report.exp_phase": ("phase", "阶段"),
    "report.exp_since": ("since", "开始"),
    "report.exp_share": ("challenger's share", "挑战者份额"),
    "report.exp_paired": (
        "Both versions scored the same {rows:,} {rows:row|rows}; only the champion answered. {missed:,} the new one could not score.",
        "两个版本对相同的 {rows:,} 行评分，仅由现任版本应答。新版本无法评分 {missed:,} 行。",
    ),
    "report.exp_guards": ("Guardrails", "护栏"),
    "report.exp_no_trips": ("None has acted.", "均未触发。"),
}
