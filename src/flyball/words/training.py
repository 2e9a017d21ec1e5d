"""Sentences of training: code → (English, Chinese)."""

SENTENCES: dict[str, tuple[str, str]] = {
    "train.zone_assumed": (
        "The times in {column} have no time zone; they are taken as UTC. Write them with a zone (2024-05-31T12:00:00Z) to be sure.",
        "{column} 列的时间没有时区，按 UTC 处理。请写明时区（2024-05-31T12:00:00Z）以免歧义。",
    ),
    "train.no_commit": (
        "The version does not say which commit it was made from, because git cannot read the repository that is here: {said}",
        "该版本没有记录其来源提交，因为 git 无法读取此处的仓库：{said}",
    ),
    "train.native": (
        "The model is served by its own Python code, because it could not be compiled: {reason}",
        "模型无法编译，将以其自身的 Python 代码提供服务：{reason}",
    ),
    "train.external": (
        "Trained by another system, which registered {version}: the held-out rows are new to it only if it learnt from none of them{cut:? "
        "(those from {cut} UTC on)}.",
        "由另一个系统训练并登记为 {version}：只有当它未使用留出行{cut:?（自 {cut} UTC 起）}时，这些行对它才是新的。",
    ),
    "train.external_late": (
        "The other system made {version} for {action}, which nobody waits for any more: it is not used. Register it by hand if it is to be "
        "judged.",
        "另一个系统为 {action} 生成了 {version}，但该训练已不再等待：不予使用。如需评判，请手动登记。",
    ),
    "train.external_other_rows": (
        "{version} was asked for with the snapshot {asked} by an attempt before this one, and is judged on the snapshot {now}.",
        "{version} 由之前的一次尝试以快照 {asked} 请求训练，而在快照 {now} 上评判。",
    ),
    "train.hidden": (
        "{rows} {rows:row|rows} of the log cannot be learnt from: the model's own answer was acted on, and what would have happened "
        "without that is not known.",
        "日志中有 {rows} 行无法用于训练：模型的回答已被付诸行动，若未行动会发生什么无从得知。",
    ),
    "train.weighed": (
        "{rows} {rows:row|rows} of the holdback stand for those that were acted on and weigh up to {weight:g} each; the {of} rows of the "
        "log tell as much as about {effective:.0f} of equal weight.",
        "{rows} 行留出样本代表被付诸行动的行，每行权重最高 {weight:g}；日志的 {of} 行相当于约 {effective:.0f} 行等权样本。",
    ),
    "train.hidden_without_holdback": (
        "{rows} {rows:row|rows} of the log that were acted on are left out and no row of a holdback stands for them: what is left are the "
        "rows the model itself thought harmless. Set rollout.holdback and wait for outcomes.",
        "日志中 {rows} 行因已被付诸行动而排除，且没有留出样本代表它们："
        "剩下的只是模型自己认为无害的行。请设置 rollout.holdback 并等待结果。",
    ),
    "train.holdback_without_propensity": (
        "{rows} {rows:row|rows} of the holdback {rows:was|were} logged without the chance it had and cannot be weighed; left out.",
        "{rows} 行留出样本的日志缺少其概率，无法加权，已排除。",
    ),
    "train.source_taken_as_is": (
        "Rows of {source} count once each: whether a model's answer shaped their labels is not known, except where the log has the same "
        "id.",
        "{source} 的每一行按一次计：除非日志中有相同的标识，否则无从得知模型的回答是否影响了其标签。",
    ),
    "train.window_since_change": (
        "Learns from the {rows} of {of} rows since {since}: from then on {series} is another (by {shift:+.2f} standard deviations, "
        "p = {p_value:.3f}).",
        "使用 {since} 以来的 {rows} 行（共 {of} 行）：自那时起 {series} 发生了变化（{shift:+.2f} 个标准差，p = {p_value:.3f}）。",
    ),
    "train.window_widened": (
        "Learns from {rows} of {of} rows, from {begins} on: since {since}, from when on {series} is another (by {shift:+.2f} standard "
        "deviations, p = {p_value:.3f}), there are only {found}, which is too few.",
        "使用自 {begins} 起的 {rows} 行（共 {of} 行）：{series} 在 {since} 发生了变化（{shift:+.2f} 个标准差，p = {p_value:.3f}），"
        "但此后仅有 {found} 行，过少。",
    ),
    "train.window_no_change": (
        "Learns from all {rows} rows: over {days} days nothing changed for certain.",
        "使用全部 {rows} 行：{days} 天内没有确定的变化。",
    ),
    "train.window_too_short": (
        "Learns from all rows: {days} {days:day|days} are too few to tell a change by ({needed} are needed).",
        "使用全部行：{days} 天过少，无法判断是否有变化（需要 {needed} 天）。",
    ),
}
