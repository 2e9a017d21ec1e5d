"""Sentences of the loop: why something was promoted, refused, rolled back, retrained or put off."""

_PAIRED = "{gain:+.5f} [{lower:+.5f}, {upper:+.5f}] on {rows} {rows:row|rows} of {days} {days:day|days}"
_PAIRED_ZH = "{gain:+.5f} [{lower:+.5f}, {upper:+.5f}]，共 {days} 天 {rows} 行"

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
    "suppressed.outcomes": (
        "only {found} {found:outcome|outcomes} came since the last training; {needed} are needed",
        "自上次训练以来只有 {found} 条实际结果，需要 {needed} 条",
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
    "event.frozen": ("the loop stands still: {reason}", "已冻结：{reason}"),
    "event.frozen_until": ("the loop stands still until {until}: {reason}", "冻结至 {until}：{reason}"),
    "event.thawed": ("the loop may act again: {reason}", "已解冻：{reason}"),
    "event.external": (
        "somebody moved the alias {alias} in the registry to version {found}; it was put back to {restored}",
        "有人在注册表中将别名 {alias} 移到版本 {found}；已恢复为 {restored}",
    ),
}
