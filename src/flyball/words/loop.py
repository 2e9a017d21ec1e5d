"""Sentences of the loop: why something was promoted, refused, rolled back, retrained or put off."""

_PAIRED = "{gain:+.5f} [{lower:+.5f}, {upper:+.5f}] on {rows} {rows:row|rows} of {days} {days:day|days}"
_PAIRED_ZH = "{gain:+.5f} [{lower:+.5f}, {upper:+.5f}]，共 {days} 天 {rows} 行"
_ARMS = "{gain:+.5f} [{lower:+.5f}, {upper:+.5f}] on {rows} {rows:row|rows}, {blocks} blocks (by {block}), {days} live {days:day|days}"
_ARMS_ZH = "{gain:+.5f} [{lower:+.5f}, {upper:+.5f}]，{rows} 行、{blocks} 个区块（按 {block}）、线上 {days} 天"

SENTENCES: dict[str, tuple[str, str]] = {
    "rollout.start": (
        "version {version} passed its gate and is compared with champion {champion} on live rows by {metric}, for {deadline} at most",
        "版本 {version} 已通过门槛，将在线上数据上按 {metric} 与现任版本 {champion} 比较，最长 {deadline}",
    ),
    "rollout.start_undecided": (
        "the gate had too little evidence about version {version}, which is compared with champion {champion} on live rows by {metric}, "
        "for {deadline} at most",
        "门槛证据不足，版本 {version} 将在线上数据上按 {metric} 与现任版本 {champion} 比较，最长 {deadline}",
    ),
    "rollout.start_canary": (
        "version {version} passed its gate and answers {share:.1%} of the units at first, more step by step, and is compared with champion "
        "{champion} by {metric}, for {deadline} at most",
        "版本 {version} 已通过门槛，先应答 {share:.1%} 的单元并逐步增加，按 {metric} 与现任版本 {champion} 比较，最长 {deadline}",
    ),
    "rollout.start_experiment": (
        "version {version} passed its gate and answers {share:.1%} of the units, chosen at random, and is compared with champion "
        "{champion} by {metric}, for {deadline} at most",
        "版本 {version} 已通过门槛，随机应答 {share:.1%} 的单元，按 {metric} 与现任版本 {champion} 比较，最长 {deadline}",
    ),
    "rollout.start_bandit": (
        "version {version} passed its gate and answers {share:.1%} of the units at first, then as many as it is likely to be better than "
        "champion {champion} by {metric}, for {deadline} at most",
        "版本 {version} 已通过门槛，先应答 {share:.1%} 的单元，此后按其优于现任版本 {champion} 的概率分配，指标 {metric}，最长 {deadline}",
    ),
    "rollout.same_bundle": (
        "version {version} is the very same model as champion {champion}, so there is nothing to compare",
        "版本 {version} 与现任版本 {champion} 是同一个模型，无需比较",
    ),
    "rollout.same_scores": (
        "version {version} gave the very same scores as champion {champion} on every row held out from both: it is the same model, "
        "so there is nothing to compare",
        "版本 {version} 在所有保留数据上的得分与现任版本 {champion} 完全相同：这是同一个模型，无需比较",
    ),
    "rollout.other_champion": (
        "the gate of version {version} did not compare it with champion {champion} (but with {compared}), so its pass does not let it "
        "take over; the next training is compared anew",
        "版本 {version} 的门槛比较对象是 {compared}，而不是现任版本 {champion}，因此其通过不能作为接任依据；下次训练将重新比较",
    ),
    "rollout.same_answers": (
        "version {version} gave the very same scores as {against} on all {rows} live {rows:row|rows}: it is the same model, "
        "so the champion stays",
        "版本 {version} 在全部 {rows} 行线上数据上与版本 {against} 的评分完全相同：是同一个模型，保留现任版本",
    ),
    "rollout.step": (
        "version {version} held {before:.1%} of the units for {hold} and nothing speaks against it: step {number} of {of}, {share:.1%}",
        "版本 {version} 以 {before:.1%} 的单元运行了 {hold}，没有不利证据：进入第 {number}/{of} 步，{share:.1%}",
    ),
    "rollout.weights": (
        "version {version} is better with probability {preferred:.3f}, so it answers {share:.1%} of the units instead of {before:.1%} "
        "(each arm keeps at least {floor:.1%})",
        "版本 {version} 更优的概率为 {preferred:.3f}，因此应答单元的比例由 {before:.1%} 改为 {share:.1%}（每一组至少保留 {floor:.1%}）",
    ),
    "rollout.tripped": (
        "guardrail {guardrail} took version {version} out of traffic in {worker}, so its rollout ends and the champion answers everybody",
        "护栏 {guardrail} 在 {worker} 中将版本 {version} 移出流量，其发布终止，由现任版本应答全部请求",
    ),
    "rollout.paused": (
        "{actor} paused the rollout of version {version}: {reason}; it answers nobody until it is resumed, and ends undecided at {until} "
        "if it is not",
        "{actor} 暂停了版本 {version} 的发布：{reason}；恢复之前它不应答任何请求，若到 {until} 仍未恢复则以未定结束",
    ),
    "rollout.paused_until": (
        "{actor} paused the rollout of version {version}: {reason}; it answers nobody, and goes on by itself at {until}",
        "{actor} 暂停了版本 {version} 的发布：{reason}；期间它不应答任何请求，并于 {until} 自动继续",
    ),
    "rollout.resumed_itself": (
        "the pause of the rollout of version {version} is over, so it goes on; its deadline moved by as long as it stood still",
        "版本 {version} 的发布暂停期已满，自动继续；期限按暂停的时长顺延",
    ),
    "rollout.paused_out": (
        "the rollout of version {version} stood still for {length}, as long as it was to last, and nobody resumed it: the champion stays",
        "版本 {version} 的发布已暂停 {length}，达到其原定时长且无人恢复，保留现任版本",
    ),
    "rollout.resumed": (
        "{actor} resumed the rollout of version {version}: {reason}; its deadline moved by as long as it stood still",
        "{actor} 恢复了版本 {version} 的发布：{reason}；期限按暂停的时长顺延",
    ),
    "rollout.aborted": (
        "{actor} ended the rollout of version {version}: {reason}; the champion stays",
        "{actor} 终止了版本 {version} 的发布：{reason}；保留现任版本",
    ),
    "arms.better": (
        f"version {{version}} is certainly better on its units than {{against}} on the others: {{metric}} gain {_ARMS}",
        f"版本 {{version}} 在其单元上确定优于版本 {{against}} 在其余单元上的表现：{{metric}} 增益 {_ARMS_ZH}",
    ),
    "arms.not_worse": (
        f"version {{version}}, trained on newer data, is certainly not worse by {{margin}} or more on its units than {{against}} on the "
        f"others: {{metric}} gain {_ARMS}",
        f"版本 {{version}} 使用更新的数据训练，在其单元上确定不比版本 {{against}} 差 {{margin}} 以上：{{metric}} 增益 {_ARMS_ZH}",
    ),
    "arms.worse": (
        f"version {{version}} is certainly worse on its units than {{against}} on the others: {{metric}} gain {_ARMS}",
        f"版本 {{version}} 在其单元上确定劣于版本 {{against}} 在其余单元上的表现：{{metric}} 增益 {_ARMS_ZH}",
    ),
    "arms.undecided": (
        f"version {{version}} was not proven better on its units than {{against}} on the others by the deadline, so the champion stays: "
        f"{{metric}} gain {_ARMS}",
        f"到期限仍不能证明版本 {{version}} 在其单元上优于版本 {{against}}，保留现任版本：{{metric}} 增益 {_ARMS_ZH}",
    ),
    "experiment.ended": ("the rollout of version {version} is over", "版本 {version} 的发布已结束"),
    "experiment.sound": (
        "the arms of version {version} and the champion can be compared again",
        "版本 {version} 与现任版本的两组又可以比较",
    ),
    "rollout.not_worse": (
        f"version {{version}}, trained on newer data, is certainly not worse than {{against}} by {{margin}} or more on live rows: "
        f"{{metric}} gain {_PAIRED}",
        f"版本 {{version}} 使用更新的数据训练，在线上数据上确定不比版本 {{against}} 差 {{margin}} 以上：{{metric}} 增益 {_PAIRED_ZH}",
    ),
    "rollout.better": (
        f"version {{version}} is certainly better than {{against}} on live rows: {{metric}} gain {_PAIRED}",
        f"版本 {{version}} 在线上数据上确定优于版本 {{against}}：{{metric}} 增益 {_PAIRED_ZH}",
    ),
    "rollout.worse": (
        f"version {{version}} is certainly worse than {{against}} on live rows: {{metric}} gain {_PAIRED}",
        f"版本 {{version}} 在线上数据上确定劣于版本 {{against}}：{{metric}} 增益 {_PAIRED_ZH}",
    ),
    "rollout.undecided": (
        f"version {{version}} was not proven better than {{against}} by the deadline, so the champion stays: {{metric}} gain {_PAIRED}",
        f"到期限仍不能证明版本 {{version}} 优于版本 {{against}}，保留现任版本：{{metric}} 增益 {_PAIRED_ZH}",
    ),
    "rollout.left_out": (
        "version {version} could not score {missed} live {missed:row|rows} that {against} answered "
        "(requests without a column it reads, or errors) beside {rows} that it could, so the champion stays",
        "版本 {version} 无法对 {against} 已应答的 {missed} 行线上数据评分（请求缺少它需要的列，或出错），"
        "另有 {rows} 行可以评分，因此保留现任版本",
    ),
    "rollout.no_evidence": (
        "version {version} met its deadline without enough labelled rows to compare, so the champion stays",
        "到期限时可比较的有标签数据不足，版本 {version} 未获提升，保留现任版本",
    ),
    "rollout.unmeasured": (
        "version {version} could not be compared at its deadline, nor for {grace} after it ({trouble}), so the champion stays",
        "到期限及其后 {grace} 内版本 {version} 均无法比较（{trouble}），保留现任版本",
    ),
    "rollout.champion_changed": (
        "the champion changed to {champion} while version {version} was being compared, so the comparison ends",
        "版本 {version} 比较期间现任版本变为 {champion}，比较终止",
    ),
    "rollout.by_hand": ("{actor} ended the comparison of version {version} by hand", "{actor} 手动终止了版本 {version} 的比较"),
    "promote.first": (
        "version {version} is the first that passed its gate, so it becomes champion",
        "版本 {version} 是第一个通过门槛的版本，成为现任版本",
    ),
    "promote.gate": (
        "version {version} passed its gate against champion {champion}, and the spec promotes on the gate",
        "版本 {version} 通过了与现任版本 {champion} 的门槛比较，按配置直接提升",
    ),
    "promote.by_hand": ("{actor} promoted version {version} by hand: {reason}", "{actor} 手动提升了版本 {version}：{reason}"),
    "promote.approved": (
        "{actor} approved the promotion of version {version}: {reason}",
        "{actor} 批准了版本 {version} 的提升：{reason}",
    ),
    "approval.by_hand": (
        "{actor} asks for version {version} to become champion: {reason}",
        "{actor} 请求将版本 {version} 提升为现任版本：{reason}",
    ),
    "approval.given": ("{actor} approved version {version}: {reason}", "{actor} 批准了版本 {version}：{reason}"),
    "approval.declined": (
        "{actor} declined the promotion of version {version}: {reason}; the champion stays",
        "{actor} 拒绝了版本 {version} 的提升：{reason}；保留现任版本",
    ),
    "approval.withdrawn": (
        "the evidence for version {version} no longer carries its promotion, which is withdrawn while the comparison goes on",
        "版本 {version} 的证据已不足以支持提升，请求撤回，比较继续进行",
    ),
    "approval.superseded": (
        "the promotion of version {version} waits no longer: version {by} came in its place",
        "版本 {version} 的提升不再等待：由版本 {by} 取代",
    ),
    "approval.champion_changed": (
        "the champion changed to {champion} while the promotion of version {version} waited, so it is withdrawn",
        "版本 {version} 等待批准期间现任版本变为 {champion}，请求撤回",
    ),
    "stage.by_hand": (
        "{actor} made version {version} challenger for {share:.0%} of the units: {reason}",
        "{actor} 将版本 {version} 设为挑战者，分配 {share:.0%} 的单元：{reason}",
    ),
    "unstage.by_hand": (
        "{actor} took version {version} off staging: {reason}",
        "{actor} 取消了版本 {version} 的挑战者身份：{reason}",
    ),
    "rollback.by_hand": (
        "{actor} rolled back from version {version} to {to}: {reason}",
        "{actor} 将版本 {version} 手动回滚到 {to}：{reason}",
    ),
    "rollback.tripped": (
        "guardrail {guardrail} took champion {version} out of traffic in {worker}, so version {to} comes back",
        "护栏 {guardrail} 在 {worker} 中将现任版本 {version} 移出流量，恢复版本 {to}",
    ),
    "rollback.fallen": (
        "since version {version} took over, {metric} is {value:.4f} [{lower:.4f}, {upper:.4f}], certainly beyond its floor {floor:.4f}, so "
        "version {to} comes back",
        "版本 {version} 接任以来，{metric} 为 {value:.4f} [{lower:.4f}, {upper:.4f}]，确定越过底线 {floor:.4f}，因此恢复版本 {to}",
    ),
    "watch.worse": (
        f"version {{version}} is certainly worse than {{against}}, which it replaced: {{metric}} gain {_PAIRED}",
        f"版本 {{version}} 确定劣于它所取代的版本 {{against}}：{{metric}} 增益 {_PAIRED_ZH}",
    ),
    "watch.stays": (
        f"version {{version}} was watched against {{against}} and stays: {{metric}} gain {_PAIRED}",
        f"版本 {{version}} 与版本 {{against}} 的观察期结束，予以保留：{{metric}} 增益 {_PAIRED_ZH}",
    ),
    "watch.no_evidence": (
        "the watch over version {version} ended without enough labelled rows to compare it with {against}; it stays",
        "版本 {version} 的观察期结束，与版本 {against} 可比较的有标签数据不足，予以保留",
    ),
    "watch.unmeasured": (
        "version {version} could not be compared with {against} at the end of its watch, nor for {grace} after it ({trouble}); it stays",
        "观察期结束及其后 {grace} 内版本 {version} 与版本 {against} 均无法比较（{trouble}），予以保留",
    ),
    "retrain.drift": (
        "the data moved since the champion was trained ({columns}); {worst} by {distance:.2f} [{lower:.2f}, {upper:.2f}]",
        "自现任版本训练以来数据发生漂移（{columns}）；其中 {worst} 的距离为 {distance:.2f} [{lower:.2f}, {upper:.2f}]",
    ),
    "retrain.schedule": (
        "the last training began {days:.0f} days ago and the spec asks for one every {every}",
        "上次训练开始于 {days:.0f} 天前，配置要求每 {every} 训练一次",
    ),
    "retrain.registered": ("the training made version {version}, gate: {verdict}", "训练产生了版本 {version}，门槛结论：{verdict}"),
    "retrain.failed": ("the training failed: {message}", "训练失败：{message}"),
    "retrain.lost": ("the training process is gone without a result", "训练进程已消失，没有结果"),
    "retrain.unchanged": (
        "the training found nothing new: the same spec, data and code as before",
        "训练没有发现变化：配置、数据与代码均与之前相同",
    ),
    "suppressed.running": ("a training is running already ({action})", "已有训练在进行（{action}）"),
    "suppressed.rollout": ("version {version} is still being compared with the champion", "版本 {version} 仍在与现任版本比较"),
    "suppressed.cooldown": ("the last training was less than {cooldown} ago", "距上次训练不足 {cooldown}"),
    "suppressed.budget": (
        "the loop started {spent} {spent:training|trainings} in the last seven days, and its budget is {budget}",
        "循环在最近七天内已启动 {spent} 次训练，预算为 {budget} 次",
    ),
    "suppressed.outcomes": (
        "only {found} {found:outcome|outcomes} came since the last training; {needed} are needed",
        "自上次训练以来只有 {found} 条实际结果，需要 {needed} 条",
    ),
    "waits.frozen": ("the loop is frozen: {reason}", "循环已冻结：{reason}"),
    "waits.paused": (
        "to be resumed: `flyball rollout resume --reason '...'`; if nobody does by {until}, it ends undecided",
        "等待恢复：`flyball rollout resume --reason '...'`；若到 {until} 仍未恢复则以未定结束",
    ),
    "waits.paused_until": (
        "the end of its pause at {until}, or `flyball rollout resume --reason '...'`",
        "等待暂停在 {until} 结束，或 `flyball rollout resume --reason '...'`",
    ),
    "waits.approval": (
        "a person: `flyball approve {model}@{version} --reason '...'` or `flyball decline`",
        "等待人工：`flyball approve {model}@{version} --reason '...'` 或 `flyball decline`",
    ),
    "waits.step": (
        "the end of this step at {at}, then {share:.1%} of the units if nothing speaks against it",
        "等待本步骤在 {at} 结束，若无不利证据则增至 {share:.1%} 的单元",
    ),
    "waits.answer": (
        "an answer of version {version}: nobody among its {share:.1%} of the units was asked about since {since}, so this step is held on",
        "等待版本 {version} 的应答：自 {since} 起其 {share:.1%} 的单元中无人被询问，因此本步骤继续保持",
    ),
    "waits.trouble": (
        "units and labels that can be compared: nothing is decided while the alert experiment:{version} fires (`flyball experiment`)",
        "等待可比较的单元与标签：告警 experiment:{version} 触发期间不作任何决定（`flyball experiment`）",
    ),
    "waits.held": ("the end of the last step at {at}, then proof", "等待最后一步在 {at} 结束，然后需要证据"),
    "waits.weights": (
        "proof, and from {at} on for new weights by how likely it is to be better",
        "等待证据，并自 {at} 起按其更优的概率重新分配",
    ),
    "waits.proof": (
        "proof: a lower bound above {bound:g} on at least {days} live {days:day|days}",
        "等待证据：至少 {days} 个线上日上的下界高于 {bound:g}",
    ),
    "deployment.refused": (
        "servers could not take over what was decided ({workers} of their workers): {error}",
        "{workers} 个服务进程未能采用已决定的版本：{error}",
    ),
    "alert.unwatched": ("{key} is no longer watched", "{key} 已不再监测"),
    "alert.inside": ("{key} is certainly within its floor again", "{key} 已确定回到底线之内"),
    "alert.over": ("{key} is over: it was not found at this look", "{key} 已结束：本次检查未再发现"),
    "alert.resolved": ("{key} has stayed well below its threshold", "{key} 已持续明显低于阈值"),
    "event.registered": (
        "version {version} was trained on {rows} {rows:row|rows} ({cause}), engine {engine}, gate: {verdict}; {metrics}",
        "版本 {version} 由 {rows} 行数据训练（原因：{cause}），引擎 {engine}，门槛：{verdict}；{metrics}",
    ),
    "event.tick": (
        "{ingested} {ingested:row|rows} ingested, {entries} journal {entries:entry|entries}",
        "读入 {ingested} 行，{entries} 条日志记录",
    ),
    "tick.stands_by": (
        "{holder} acts for this model and its lease lasts until {until} unless renewed: this machine stands by",
        "由 {holder} 负责此模型，其租约若不续期则到 {until} 为止：本机待命",
    ),
    "tick.leads": ("this machine ({holder}) acts for this model from now on", "从现在起由本机（{holder}）负责此模型"),
    "tick.led_by_nobody": (
        "another machine acted for this model a moment ago: this machine stands by until its next look",
        "刚才由另一台机器负责此模型：本机待命，直到下一次检查",
    ),
    "event.frozen": ("the loop stands still: {reason}", "已冻结：{reason}"),
    "event.frozen_until": ("the loop stands still until {until}: {reason}", "冻结至 {until}：{reason}"),
    "event.thawed": ("the loop may act again: {reason}", "已解冻：{reason}"),
    "event.external": (
        "somebody moved the alias {alias} in the registry to version {found}; it was put back to {restored}",
        "有人在注册表中将别名 {alias} 移到版本 {found}；已恢复为 {restored}",
    ),
}
