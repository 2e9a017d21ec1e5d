"""Texts of the dashboard, English and Chinese: what may be done to a model, and why something cannot be done now."""

SENTENCES: dict[str, tuple[str, str]] = {
    "dashboard.model.not_now": ("What cannot be done now, and why", "目前不能执行的操作及原因"),
    "dashboard.model.against_it": (
        "Against it speaks: {reasons}. Doing it all the same needs a reason.",
        "反对的理由：{reasons}。仍要执行则必须说明原因。",
    ),
    "dashboard.model.act.anyway": ("{act} all the same", "仍然{act}"),
    "dashboard.model.act.rollback": ("Roll back to version {to}", "回滚到版本 {to}"),
    "dashboard.model.act.pause": ("Pause the rollout", "暂停对比"),
    "dashboard.model.act.resume": ("Let the rollout go on", "继续对比"),
    "dashboard.model.act.abort": ("End the rollout", "结束对比"),
    "dashboard.model.act.approve": ("Approve version {version}", "批准版本 {version}"),
    "dashboard.model.act.decline": ("Decline version {version}", "谢绝版本 {version}"),
    "dashboard.model.act.unstage": ("Take challenger {version} away", "撤下挑战者 {version}"),
    "dashboard.model.act.train": ("Train now", "立即训练"),
    "dashboard.model.act.promote": ("Promote version {version}", "提升版本 {version}"),
    "dashboard.model.act.stage": ("Stage version {version} in shadow", "让版本 {version} 影子运行"),
    "dashboard.model.act.share": ("Stage version {version} for {share:.0%}", "让版本 {version} 应答 {share:.0%}"),
    "option.rollback_about": (
        "Version {to} answers again instead of version {version}.",
        "由版本 {to} 代替版本 {version} 重新应答。",
    ),
    "option.rollback_refused_about": (
        "Version {to} answers again instead of version {version}, though a live comparison had refused version {to}.",
        "由版本 {to} 代替版本 {version} 重新应答，尽管版本 {to} 曾被线上比较拒绝。",
    ),
    "option.pause_about": (
        "Version {version} answers nobody until the rollout goes on; only guardrails decide meanwhile.",
        "在继续之前，版本 {version} 不应答任何请求；其间只有护栏会作出决定。",
    ),
    "option.resume_about": (
        "Version {version} answers its share again; the deadline moves by as long as it stood still.",
        "版本 {version} 恢复其应答份额；截止时间按暂停时长顺延。",
    ),
    "option.abort_about": (
        "The comparison ends undecided: champion {champion} stays, and version {version} has had its chance.",
        "对比以未定结束：现任版本 {champion} 保留，版本 {version} 的机会已用完。",
    ),
    "option.approve_about": ("Version {version}, which waits for approval, becomes champion.", "等待批准的版本 {version} 成为现任版本。"),
    "option.decline_about": ("Version {version} is not promoted; the champion stays.", "版本 {version} 不提升；现任版本保留。"),
    "option.unstage_about": (
        "The champion answers everybody again; version {version} stays in the list.",
        "现任版本重新应答所有请求；版本 {version} 仍保留在列表中。",
    ),
    "option.train_about": (
        "Trains a version on the newest data. It appears here when its gate has judged it, and is not promoted by this alone.",
        "用最新数据训练一个版本。门槛评判之后它会出现在这里；仅凭此操作不会被提升。",
    ),
    "option.promote_about": ("Version {version} becomes champion and answers everybody.", "版本 {version} 成为现任版本，应答所有请求。"),
    "option.ask_about": (
        "Asks for the promotion of version {version}: somebody has to approve it.",
        "申请提升版本 {version}：需要有人批准。",
    ),
    "option.stage_about": (
        "Version {version} is loaded as challenger and answers nobody.",
        "版本 {version} 作为挑战者加载，但不应答。",
    ),
    "option.share_about": (
        "Version {version} answers {share:.1%} of the units as challenger.",
        "版本 {version} 作为挑战者应答 {share:.1%} 的单元。",
    ),
    "option.no_rollout": ("no version is being compared with the champion", "当前没有与现任版本对比的版本"),
    "option.paused": ("the rollout is paused since {since}", "对比自 {since} 起已暂停"),
    "option.not_paused": ("the rollout is not paused", "对比没有暂停"),
    "option.nothing_waits": ("no promotion waits for approval", "没有等待批准的提升"),
    "option.not_staged": ("no version is staged by hand", "没有手动设置的挑战者"),
    "option.is_champion": ("it is the champion", "它就是现任版本"),
    "option.waits_already": ("it waits for approval already", "它已在等待批准"),
    "option.no_champion": ("there is no champion yet: promote one first", "尚无现任版本：请先提升一个版本"),
    "option.no_previous": ("there is no version before the champion to go back to", "现任版本之前没有可以回退的版本"),
    "option.is_challenger": ("it is the challenger, with this share", "它已是挑战者，份额相同"),
    "option.all_of_them": (
        "where promotions are approved by a person, no challenger answers everybody",
        "提升需人工批准时，挑战者不能应答所有请求",
    ),
    "option.rollout_runs": (
        "version {version} is being compared with the champion until {until}",
        "版本 {version} 正与现任版本对比，直至 {until}",
    ),
    "option.other_champion": (
        "it was compared with champion {before}, and the champion is {champion} now",
        "它曾与现任版本 {before} 对比，而现在的现任版本是 {champion}",
    ),
    "option.trains": ("a training runs since {since}", "自 {since} 起正在训练"),
    "option.frozen": ("the loop is stopped ({reason})", "循环已停止（{reason}）"),
    "option.gate_failed": ("it failed its gate", "它未通过门槛"),
    "option.gate_undecided": ("its gate could not decide", "它的门槛未能得出结论"),
    "option.refused": ("live rows spoke against it", "线上数据对它不利"),
    "option.past_approval": (
        "this goes past the approval that promotions need here",
        "这会绕过此处提升所需的批准",
    ),
}
