"""Sentences of replays, of untouched rows and of slices: code → (English, Chinese)."""

_BETWEEN = "{share:.1%} [{lower:.1%}, {upper:.1%}]"
_GAIN = "{gain:+.4f} [{lower:+.4f}, {upper:+.4f}] on {rows} rows in {blocks} blocks"
_GAIN_ZH = "{gain:+.4f} [{lower:+.4f}, {upper:+.4f}]，{rows} 行，{blocks} 个区块"

SENTENCES: dict[str, tuple[str, str]] = {
    "replay.compared": (
        "{compared} of {asked} logged {asked:request|requests} were answered by both.",
        "{asked} 个已记录的请求中，两个版本都回答了 {compared} 个。",
    ),
    "replay.errors": (
        "It fails on {rows} of {asked} logged {asked:request|requests} that the champion answers: {message} (such as {examples}).",
        "在现任版本能回答的 {asked} 个已记录请求中，它有 {rows} 个失败：{message}（例如 {examples}）。",
    ),
    "replay.not_finite": (
        "Its score is no finite number for {rows} of {asked} logged {asked:request|requests} that the champion answers "
        "(such as {examples}).",
        "在现任版本能回答的 {asked} 个已记录请求中，它有 {rows} 个得分不是有限数（例如 {examples}）。",
    ),
    "replay.champion_errors": (
        "Version {version} itself fails on {rows} of them; they are left out.",
        "版本 {version} 自身在其中 {rows} 个上失败；已将其排除。",
    ),
    "replay.identical": (
        "It gives exactly the champion's score for all {rows} rows: nothing can be gained from it.",
        "它在全部 {rows} 行上的得分与现任版本完全相同：换用它不会带来任何收益。",
    ),
    "replay.disagreement": (
        "The labels differ in " + _BETWEEN + " of the rows ({differing} of {rows}).",
        "标签不同的行占 " + _BETWEEN + "（{rows} 行中 {differing} 行）。",
    ),
    "replay.apart": (
        "The answers are more than {tolerance:.4g} apart in " + _BETWEEN + " of the rows ({differing} of {rows}).",
        "答案相差超过 {tolerance:.4g} 的行占 " + _BETWEEN + "（{rows} 行中 {differing} 行）。",
    ),
    "replay.shift": (
        "The scores moved by {mean:+.4f} on average; their distributions are {distance:.4f} apart (Kolmogorov-Smirnov).",
        "得分平均变化 {mean:+.4f}；两个分布的距离为 {distance:.4f}（Kolmogorov-Smirnov）。",
    ),
    "replay.where_value": (
        "{column} = {value}: they disagree in {share:.1%} of {rows} rows, elsewhere in {elsewhere:.1%}.",
        "{column} = {value}：{rows} 行中有 {share:.1%} 不一致，其他行为 {elsewhere:.1%}。",
    ),
    "replay.where_range": (
        "{column} from {low:g} to {high:g}: they disagree in {share:.1%} of {rows} rows, elsewhere in {elsewhere:.1%}.",
        "{column} 从 {low:g} 到 {high:g}：{rows} 行中有 {share:.1%} 不一致，其他行为 {elsewhere:.1%}。",
    ),
    "replay.gain": (
        "{metric}: gain " + _GAIN + " whose outcome is known and that neither learned from.",
        "{metric}：增益 " + _GAIN_ZH + "（结果已知且两个版本都未学习过）。",
    ),
    "replay.latency": (
        "One row takes {candidate:.1f} µs, the other version {champion:.1f} µs: {ratio:.2f} times as long (median of {rows} rows).",
        "每行耗时 {candidate:.1f} 微秒，另一版本 {champion:.1f} 微秒：{ratio:.2f} 倍（{rows} 行的中位数）。",
    ),
    "replay.latency_native": (
        "Latency is not measured: a version of the engine native runs in a process of its own here.",
        "未测量耗时：native 引擎的版本在此处运行于独立进程。",
    ),
    "replay.latency_failed": ("Latency could not be measured: {message}.", "无法测量耗时：{message}。"),
    "replay.no_features": (
        "{rows} logged {rows:request|requests} left out: logged without features.",
        "排除 {rows} 个已记录请求：记录中没有特征。",
    ),
    "replay.column_missing": (
        "{rows} logged {rows:request|requests} left out: they lack {columns}, which the candidate cannot do without.",
        "排除 {rows} 个已记录请求：缺少候选版本必需的 {columns}。",
    ),
    "replay.too_few": (
        "Replay does not apply: {rows} logged {rows:request|requests} of late can be asked again, needed {needed}.",
        "重放不适用：近期可重新询问的已记录请求有 {rows} 个，需要 {needed} 个。",
    ),
    "replay.answered": (
        "It answers {rows} logged requests without error; {share:.1%} of the labels differ from the champion's, the scores are "
        "{distance:.3f} apart (Kolmogorov-Smirnov).",
        "它无错误地回答了 {rows} 个已记录请求；{share:.1%} 的标签与现任版本不同，得分分布距离为 {distance:.3f}（Kolmogorov-Smirnov）。",
    ),
    "replay.answered_numbers": (
        "It answers {rows} logged requests without error; {share:.1%} of the answers differ noticeably from the champion's, their "
        "distributions are {distance:.3f} apart (Kolmogorov-Smirnov).",
        "它无错误地回答了 {rows} 个已记录请求；{share:.1%} 的答案与现任版本明显不同，分布距离为 {distance:.3f}（Kolmogorov-Smirnov）。",
    ),
    "replay.too_different": (
        "Its labels differ from the champion's in " + _BETWEEN + " of {rows} logged requests, more than {limit:.1%}.",
        "在 {rows} 个已记录请求中，其标签与现任版本不同的占 " + _BETWEEN + "，超过 {limit:.1%}。",
    ),
    "replay.too_slow": (
        "One row takes {candidate:.1f} µs, the champion {champion:.1f} µs: {ratio:.1f} times as long, allowed are {limit:g}.",
        "每行耗时 {candidate:.1f} 微秒，现任版本 {champion:.1f} 微秒：{ratio:.1f} 倍，允许 {limit:g} 倍。",
    ),
    "untouched.kept": (
        "On {rows} rows that no training learned from, labelled before the champion was made, it ranks with an area of {candidate:.3f}, "
        "the champion with {champion:.3f}.",
        "在 {rows} 行任何训练都未学习、且标签早于现任版本的数据上，其排序 AUC 为 {candidate:.3f}，现任版本为 {champion:.3f}。",
    ),
    "untouched.lost": (
        "On {rows} rows that no training learned from, labelled before the champion was made, it ranks with an area of {candidate:.3f}, "
        "the champion with {champion:.3f}: it certainly lost more than half of what the champion knows. Are the new labels right?",
        "在 {rows} 行任何训练都未学习、且标签早于现任版本的数据上，其排序 AUC 为 {candidate:.3f}，现任版本为 {champion:.3f}："
        "它确定丢失了现任版本所知的一半以上。新标签是否正确？",
    ),
    "untouched.too_few": (
        "Untouched rows say nothing yet: {rows} rows in {blocks} blocks were labelled before the champion was made, needed {needed} rows "
        "of both kinds in {blocks_needed} blocks.",
        "留存行尚不足以判断：现任版本之前已有标签的为 {rows} 行、{blocks} 个区块，需要两类共 {needed} 行、{blocks_needed} 个区块。",
    ),
    "untouched.not_kept": (
        "Untouched rows do not apply: the champion was not trained under the rule `{rule}`.",
        "留存行检查不适用：现任版本不是按规则 `{rule}` 训练的。",
    ),
    "labels.inverted": (
        "From {begin} to {end} the labels say the opposite of what the champion says (area {auc:.3f} on {rows} rows): labels were "
        "inverted, or the world was. Look at them; a version that is right all the same can be promoted by hand.",
        "从 {begin} 到 {end} 的标签与现任版本的判断相反（{rows} 行上 AUC 为 {auc:.3f}）：标签被颠倒，或世界已改变。"
        "请检查标签；若该版本仍然正确，可手动提升。",
    ),
    "gate.check_failed": (
        "{check}: could not be checked: {error}.",
        "{check}：无法检查：{error}。",
    ),
    "gate.no_slice": (
        "{metric}: no slice of {by} has 100 rows in 5 blocks that are new to candidate and champion.",
        "{metric}：按 {by} 划分的切片中，没有一个在对两个版本都是新数据的行中达到 100 行、5 个区块。",
    ),
    "gate.slices_passed": (
        "{metric}: certainly worse in none of {slices} {slices:slice|slices}; lowest in {slice}: gain "
        + _GAIN
        + ", needed above {needed:+g}{open:?; not certain in }{names}.",
        "{metric}：{slices} 个切片中没有一个确定变差；最低为 {slice}：增益 "
        + _GAIN_ZH
        + "，须高于 {needed:+g}{open:?；尚不确定：}{names}。",
    ),
    "gate.slices_failed": (
        "{metric}: certainly worse in {failed} of {slices} {slices:slice|slices}, worst in {slice}: gain "
        + _GAIN
        + ", needed above {needed:+g}.",
        "{metric}：{slices} 个切片中有 {failed} 个确定变差，最差为 {slice}：增益 " + _GAIN_ZH + "，须高于 {needed:+g}。",
    ),
    "gate.better_slices_passed": (
        "{metric}: certainly better in each of {slices} {slices:slice|slices}; lowest in {slice}: gain " + _GAIN + ", above {needed:+g}.",
        "{metric}：{slices} 个切片中每一个都确定更好；最低为 {slice}：增益 " + _GAIN_ZH + "，高于 {needed:+g}。",
    ),
    "gate.better_slices_undecided": (
        "{metric}: not certainly better in {open} of {slices} {slices:slice|slices} ({names}); lowest in {slice}: gain "
        + _GAIN
        + ", needed above {needed:+g} on {rows_needed} rows in {blocks_needed} blocks.",
        "{metric}：{slices} 个切片中有 {open} 个尚不能确定更好（{names}）；最低为 {slice}：增益 "
        + _GAIN_ZH
        + "，须在 {rows_needed} 行、{blocks_needed} 个区块上高于 {needed:+g}。",
    ),
    "gate.better_slices_failed": (
        "{metric}: certainly not better by {needed:+g} in {failed} of {slices} {slices:slice|slices}, worst in {slice}: gain "
        + _GAIN
        + ".",
        "{metric}：{slices} 个切片中有 {failed} 个确定没有好出 {needed:+g}，最差为 {slice}：增益 " + _GAIN_ZH + "。",
    ),
    "replay_page.title": ("{candidate} replayed against {champion}", "{candidate} 对比 {champion} 的重放"),
    "replay_page.answers": (
        "It answers every logged request that the other answers: {compared} of {asked} compared.",
        "对方能回答的已记录请求它都能回答：{asked} 个中比较了 {compared} 个。",
    ),
    "replay_page.fails": (
        "It fails on logged requests that the other answers: {compared} of {asked} compared.",
        "它在对方能回答的已记录请求上失败：{asked} 个中比较了 {compared} 个。",
    ),
    "replay_page.asked": ("requests", "请求"),
    "replay_page.compared": ("compared", "已比较"),
    "replay_page.errors": ("errors", "错误"),
    "replay_page.differ": ("differ", "不一致"),
    "replay_page.distance": ("distance of the scores", "得分分布距离"),
    "replay_page.ratio": ("time for a row", "每行耗时"),
    "replay_page.scores": ("Scores", "得分"),
    "replay_page.scores_of": ("Scores: probability of {of}", "得分：{of} 的概率"),
    "replay_page.scores_about": (
        "Histograms of the scores of {champion} and {candidate}: they moved by {mean:+.4f} on average and are {distance:.4f} apart.",
        "{champion} 与 {candidate} 的得分直方图：平均变化 {mean:+.4f}，分布距离 {distance:.4f}。",
    ),
    "replay_page.quantile": ("quantile", "分位数"),
    "replay_page.change": ("change", "变化"),
    "replay_page.labels": ("Labels", "标签"),
    "replay_page.says": ("{version} says", "{version} 的回答"),
    "replay_page.where": ("Where they disagree", "分歧所在"),
    "replay_page.nowhere": (
        "In no value or range of any column do they certainly disagree more often than elsewhere.",
        "没有任何列的某个取值或范围确定比其他行分歧更多。",
    ),
    "replay_page.where_note": (
        "Of each column the value or range with the largest certain excess; all places that were looked at are considered (95 %).",
        "每列取确定超出最多的取值或范围；已考虑全部查看过的位置（95 %）。",
    ),
    "replay_page.column": ("column", "列"),
    "replay_page.rows": ("rows", "行数"),
    "replay_page.excess": ("certainly more by", "确定多出"),
    "replay_page.in_words": ("in words", "说明"),
    "replay_page.gains": ("Where outcomes are known", "已知结果的行"),
    "replay_page.gains_note": (
        "On rows that neither version learned from; positive is better, each bound is one-sided at 95 %.",
        "仅限两个版本都未学习过的行；正值更好，每个界限为单侧 95 %。",
    ),
    "replay_page.metric": ("metric", "指标"),
    "replay_page.gain": ("gain", "增益"),
    "replay_page.bounds": ("bounds", "界限"),
    "replay_page.blocks": ("blocks", "区块"),
    "replay_page.latency": ("One row", "单行耗时"),
    "replay_page.version": ("version", "版本"),
    "replay_page.median": ("median µs", "中位数（微秒）"),
    "replay_page.p99": ("p99 µs", "p99（微秒）"),
}
