"""Words of the evaluation that reviewers of a change read: code → (English, Chinese)."""

SENTENCES: dict[str, tuple[str, str]] = {
    "review.title": ("{model}: the gate says {verdict}", "{model}：门禁结论为 {verdict}"),
    "review.opening": (
        "Trained on {rows:,} rows, judged on {held:,} held out. Snapshot {snapshot}, run {run}, engine {engine}.",
        "以 {rows:,} 行训练，在 {held:,} 行留出样本上评判。快照 {snapshot}，运行 {run}，引擎 {engine}。",
    ),
    "review.first": ("There is no champion to compare with.", "没有可比较的现任版本。"),
    "review.same": (
        "Nothing that the model is made of changes here: the same data, code and spec made {version}. "
        "Its gate stands below as it was when it was registered.",
        "此处未改变模型的任何组成：相同的数据、代码和规格已产生 {version}。下方门禁结论为其注册时的结论。",
    ),
    "review.rows": (
        "Against the champion {version} on {rows:,} rows that are new to both, in {blocks:,} blocks.",
        "与现任版本 {version} 在双方都未见过的 {rows:,} 行（{blocks:,} 个区块）上比较。",
    ),
    "review.no_rows": (
        "No row is new to both this model and the champion {version}: nothing can be compared.",
        "没有对此模型和现任版本 {version} 都是新的行：无法比较。",
    ),
    "review.trouble": ("The champion {version} could not be compared with: {error}", "无法与现任版本 {version} 比较：{error}"),
    "review.gain_note": (
        "A gain above 0 is better, whatever the metric's direction. Bounds hold with 95 % confidence on each side.",
        "增益大于 0 即更好，与指标方向无关。每侧界限的置信度为 95 %。",
    ),
    "review.metrics": ("Metrics", "指标"),
    "review.metric": ("metric", "指标"),
    "review.held_out": ("held out", "留出"),
    "review.bounds": ("bounds", "界限"),
    "review.this": ("this", "本次"),
    "review.champion": ("champion", "现任版本"),
    "review.gain": ("gain", "增益"),
    "review.gate": ("Gate", "门禁"),
    "review.slices": ("Slices", "切片"),
    "review.slice": ("slice", "切片"),
    "review.drift": ("Drift of the new rows", "新数据的偏移"),
    "review.drift_rows": (
        "{rows:,} rows newer than the training of {version}, held against what it learnt from: {moved} of {watched} columns moved.",
        "{rows:,} 行晚于 {version} 的训练，与其训练数据对照：{watched} 列中有 {moved} 列偏移。",
    ),
    "review.column": ("column", "列"),
    "review.state": ("state", "状态"),
    "review.distance": ("distance", "距离"),
    "review.limit": ("threshold", "阈值"),
    "review.warnings": ("Warnings", "警告"),
    "review.tests": (
        "{count} {count:test|tests} of the model's own, {failed} failed.",
        "模型自带测试 {count} 项，失败 {failed} 项。",
    ),
    "review.plots": ("Plots: {link}", "图表：{link}"),
    "review.more": ("{count} more in the report.", "其余 {count} 项见报告。"),
    "review.reliability": ("What was said, and what was true", "预测与实际"),
    "review.reliability_about": (
        "Held-out rows in groups of about the same score: on the line, what was said on average came true as often.",
        "按得分分组的留出样本：点在线上，表示平均预测与实际相符。",
    ),
    "review.gains": ("Gain over the champion", "相对现任版本的增益"),
    "review.gains_about": ("Each metric with its 95 % bounds; right of 0 is better.", "各指标及其 95 % 界限；0 的右侧为更好。"),
}
