"""Texts of the dashboard, English and Chinese: the page experiment."""

_SHORT = {
    "menu.experiment": ("Experiment", "实验"),
    "experiment.title": ("Experiment", "实验"),
    "experiment.which": ("Comparison", "比较"),
    "experiment.show": ("Show", "显示"),
    "experiment.runs": ("running", "进行中"),
    "experiment.decides": ("What would decide it:", "如何得出结论："),
    "experiment.waits": ("It waits for:", "正在等待："),
    "experiment.began": ("Began", "开始于"),
    "experiment.deadline": ("Decided at the latest", "最迟结束于"),
    "experiment.compared": ("Compared", "比较方式"),
    "experiment.by_rows": ("on the same rows", "在相同的行上"),
    "experiment.by_days": ("by arms, in blocks of days", "按两臂，以天为块"),
    "experiment.by_units": ("by arms, in blocks of units", "按两臂，以单元为块"),
    "experiment.share": ("the challenger answers {share:.1%} of the units", "挑战者应答 {share:.1%} 的单元"),
    "experiment.share_none": ("only the champion answers", "仅由现任版本应答"),
    "experiment.srm": ("Sample ratio (SRM)", "样本比例（SRM）"),
    "experiment.srm_none": ("not needed", "无需检查"),
    "experiment.srm_none_why": ("no unit is assigned: both score every row", "不分配单元：两个版本都对每一行评分"),
    "experiment.not_yet": ("not known yet", "尚不清楚"),
    "experiment.expected": ("Expected end", "预计结束"),
    "experiment.expected_if": ("if the gain stays what it is", "若增益保持现状"),
    "experiment.not_before": ("not before the deadline", "期限前不会"),
    "experiment.stands": ("it stands still", "已暂停"),
    "experiment.earliest": ("promoted not before", "最早提升于"),
    "experiment.took": ("Took", "历时"),
    "experiment.of_most": ("of {days} at most", "最长 {days}"),
    "experiment.better_above": ("above 0: the new version is better;", "大于 0：新版本更好；"),
    "experiment.live_blocks": ("{live} of them live, {held} held out before", "其中线上 {live} 个，事先留出 {held} 个"),
    "experiment.numbers": ("The same in numbers", "数值"),
    "experiment.look": ("look", "查看时间"),
    "experiment.lower": ("lower bound", "下界"),
    "experiment.upper": ("upper bound", "上界"),
    "experiment.blocks": ("blocks", "块数"),
    "experiment.below_zero": ("below zero: worse", "零以下：更差"),
    "experiment.guards": ("Guardrails", "护栏"),
    "experiment.guard": ("guardrail", "护栏"),
    "experiment.guard.errors": ("errors", "错误"),
    "experiment.guard.nan": ("scores that are no number", "非数值得分"),
    "experiment.guard.latency": ("latency", "延迟"),
    "experiment.guard.score_drift": ("scores", "得分"),
    "experiment.guard_state": ("state", "状态"),
    "experiment.guards.quiet": ("✓ has not acted", "✓ 未触发"),
    "experiment.guards.acted": ("✕ acted", "✕ 已触发"),
    "experiment.guards.off": ("off", "未启用"),
    "experiment.limit": ("limit", "界限"),
    "experiment.limit.errors": ("{limit:.2%} more than the champion", "比现任版本多 {limit:.2%}"),
    "experiment.limit.nan": ("{limit:.2%} more than the champion", "比现任版本多 {limit:.2%}"),
    "experiment.limit.latency": ("{limit:g} times the champion's 99th percentile", "现任版本 99 百分位的 {limit:g} 倍"),
    "experiment.limit.score_drift": ("a distance of {limit:g} from the champion's (0 to 1)", "与现任版本得分的距离 {limit:g}（0 到 1）"),
    "experiment.what": ("what happened", "详情"),
    "experiment.gate": ("What the gate said of version {version} before", "此前门槛对版本 {version} 的结论"),
    "experiment.gate_as_a_whole": ("As a whole:", "总体："),
    "experiment.to_model": ("All about version {version}", "版本 {version} 的全部信息"),
    "experiment.check": ("check", "检查"),
    "experiment.replay": ("replay of logged requests", "已记录请求的回放"),
    "experiment.verdict": ("verdict", "结论"),
    "experiment.verdict.pass": ("✓ pass", "✓ 通过"),
    "experiment.verdict.fail": ("✕ fail", "✕ 未通过"),
    "experiment.verdict.undecided": ("? undecided", "? 未定"),
    "experiment.verdict.not_applicable": ("not applicable", "不适用"),
    "experiment.why": ("why", "原因"),
    "experiment.no_gate": ("The journal does not say.", "日志中没有记录。"),
    "experiment.all": ("All comparisons ({count})", "全部比较（{count}）"),
    "experiment.version": ("version", "版本"),
    "experiment.against_short": ("{version} against {champion}", "{version} 对比 {champion}"),
    "experiment.how": ("how", "方式"),
    "experiment.from": ("from", "开始"),
    "experiment.until": ("until", "结束"),
    "experiment.gain": ("gain [bounds]", "增益 [界限]"),
    "experiment.rows": ("labelled rows", "有标签行数"),
    "experiment.paging": ("Pages of the list", "列表分页"),
    "experiment.page": ("page {page} of {pages}", "第 {page} / {pages} 页"),
    "experiment.newer": ("newer", "较新"),
    "experiment.older_page": ("older", "较旧"),
    "experiment.pause": ("Pause", "暂停"),
    "experiment.resume": ("Let it go on", "继续"),
    "experiment.abort": ("End it", "结束"),
    "experiment.approve": ("Approve version {version}", "批准版本 {version}"),
    "experiment.decline": ("Decline version {version}", "拒绝版本 {version}"),
}

_LONG = {
    "experiment.none": ("No version was compared with the champion yet.", "尚未有版本与现任版本比较。"),
    "experiment.none_step_first": (
        "A comparison needs a champion: train the first version. It answers once it has passed its gate; the next one is compared with it.",
        "比较需要现任版本：请先训练第一个版本。通过门槛后由它应答；下一个版本将与它比较。",
    ),
    "experiment.none_step": (
        'One begins by itself, by [rollout] strategy = "{strategy}", when a new version has passed its gate: train one, or wait for the '
        "loop to do so.",
        '新版本通过门槛后，比较按 [rollout] strategy = "{strategy}" 自动开始：可自行训练，或等待循环训练。',
    ),
    "experiment.missed": (
        "Version {version} was never compared with a champion; this is the last comparison.",
        "版本 {version} 从未与现任版本比较；以下是最近一次比较。",
    ),
    "experiment.choice": ("version {version} against {champion}, {day}", "版本 {version} 对比 {champion}，{day}"),
    "experiment.older": ("{count:,} older ones are in the list below.", "另有 {count:,} 个较早的见下方列表。"),
    "experiment.heading": ("Version {version} against champion {champion}", "版本 {version} 对比现任版本 {champion}"),
    "experiment.strategy.shadow": (
        "Shadow: the new version scores a copy of every request and answers nobody.",
        "影子：新版本对每个请求的副本评分，不应答任何人。",
    ),
    "experiment.strategy.canary": (
        "Canary: the new version answers a share of the units that grows step by step.",
        "金丝雀：新版本应答的单元份额逐步增加。",
    ),
    "experiment.strategy.experiment": (
        "Experiment: the new version answers a fixed share of the units.",
        "实验：新版本应答固定份额的单元。",
    ),
    "experiment.strategy.bandit": (
        "Bandit: the share of the new version follows how likely it is to be better.",
        "多臂老虎机：新版本的份额随其更优的概率变化。",
    ),
    "experiment.strategy.immediate": (
        "Immediate: the gate alone decides.",
        "立即：仅由门槛决定。",
    ),
    "experiment.favour": (
        "In favour of version {version}: the lower bound rises above {line:g}. It is {lower:+.5f}, {short:.5f} short; with at least "
        "{needed} live {needed:day|days}, of which {days} {days:is|are} there.",
        "版本 {version} 胜出：下界升至 {line:g} 以上。目前为 {lower:+.5f}，还差 {short:.5f}；并且至少 {needed} 个线上日，目前 {days} 个。",
    ),
    "experiment.favour_proven": (
        "In favour of version {version}: the lower bound is above {line:g} ({lower:+.5f}); what is missing are live days: {days} of the "
        "{needed} that it takes are there.",
        "版本 {version} 胜出：下界已高于 {line:g}（{lower:+.5f}）；还缺线上日：需要 {needed} 个，目前 {days} 个。",
    ),
    "experiment.favour_unknown": (
        "In favour of version {version}: the lower bound rises above {line:g}, with at least {needed} live {needed:day|days}. There are "
        "no bounds yet.",
        "版本 {version} 胜出：下界升至 {line:g} 以上，并且至少 {needed} 个线上日。目前尚无界限。",
    ),
    "experiment.against": (
        "Against it: the upper bound falls below 0. It is {upper:+.5f}.",
        "新版本落败：上界降至 0 以下。目前为 {upper:+.5f}。",
    ),
    "experiment.against_unknown": ("Against it: the upper bound falls below 0.", "新版本落败：上界降至 0 以下。"),
    "experiment.otherwise": (
        "Neither: champion {champion} stays, at the deadline",
        "两者皆非：到期限时保留现任版本 {champion}，期限",
    ),
    "experiment.pending": (
        "The figures are being reckoned from the prediction log; they appear here by themselves.",
        "正在根据预测日志计算数值，完成后会自动显示。",
    ),
    "experiment.lines": (
        "It is decided in favour when the lower bound passes {line:g} (not worse by more than that), against when the upper bound falls "
        "below 0. The bounds hold however often one looks.",
        "下界越过 {line:g}（不会比这更差）即判为胜出，上界降至 0 以下即判为落败。无论查看多少次，界限始终有效。",
    ),
    "experiment.line_zero": (
        "It is decided in favour when the lower bound rises above 0, against when the upper bound falls below 0. The bounds hold however "
        "often one looks.",
        "下界升至 0 以上即判为胜出，上界降至 0 以下即判为落败。无论查看多少次，界限始终有效。",
    ),
    "experiment.no_looks_why": (
        "Bounds need several whole days of matured labels, or several units in each arm.",
        "界限需要若干个标签已成熟的完整日，或每臂若干个单元。",
    ),
    "experiment.head_start": (
        "The bounds began with {held} {held:day|days} that were held out from both versions before it went live.",
        "界限以上线前对两个版本都留出的 {held} 天为起点。",
    ),
    "experiment.guards_note": (
        "Servers count and act by themselves, within a moment; one that acts takes the new version out and ends the comparison.",
        "服务器自行计数并立即触发；一旦触发，新版本会被移出，比较随之结束。",
    ),
    "experiment.guards_unknown": (
        "The start of this comparison does not say which guardrails it had.",
        "此次比较开始时未记录其护栏。",
    ),
    "experiment.no_replay": (
        "No logged requests were replayed through it before. To do so:",
        "此前没有用已记录的请求回放它。执行：",
    ),
    "experiment.gains_legend": (
        "gain of each comparison with its bounds; right of the dashed line the new version was better",
        "每次比较的增益及其界限；虚线右侧表示新版本更好",
    ),
    "experiment.pause_about": (
        "The challenger answers nobody and nothing is decided until it goes on; the deadline moves by as long.",
        "在继续之前，挑战者不应答任何人，也不作决定；期限相应顺延。",
    ),
    "experiment.resume_about": ("It goes on with the share it had.", "以原有份额继续。"),
    "experiment.abort_about": (
        "It ends undecided: champion {champion} stays, and the version has had its chance.",
        "以未定结束：保留现任版本 {champion}，该版本不再有机会。",
    ),
    "experiment.approve_about": ("Version {version} becomes champion.", "版本 {version} 将成为现任版本。"),
    "experiment.decline_about": ("Champion {champion} stays.", "保留现任版本 {champion}。"),
}

SENTENCES: dict[str, tuple[str, str]] = {f"dashboard.{code}": texts for code, texts in {**_SHORT, **_LONG}.items()}
