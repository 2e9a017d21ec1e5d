"""Sentences of the gate: code → (English, Chinese)."""

_GAIN = "gain over the champion {gain:+.4f} [{lower:+.4f}, {upper:+.4f}] on {rows} rows in {blocks} blocks"
_GAIN_ZH = "相对现任版本的增益为 {gain:+.4f} [{lower:+.4f}, {upper:+.4f}]，{rows} 行，{blocks} 个区块"

SENTENCES: dict[str, tuple[str, str]] = {
    "gate.empty": (
        "The gate has no checks, so there is nothing a version could pass; add one under [evaluate] gate.",
        "门禁没有任何检查项，因此没有可以通过的内容；请在 [evaluate] gate 下添加检查项。",
    ),
    "gate.first_without_bound": (
        "There is no champion to compare with and the gate has no bound of its own; add at_least or at_most to it, "
        "or promote this first version by hand with --force --reason.",
        "没有可供比较的现任版本，且门禁没有自己的界限；请添加 at_least 或 at_most，或用 --force --reason 手动提升这个首个版本。",
    ),
    "gate.no_champion": (
        "{metric}: there is no champion to compare with, so this check does not apply.",
        "{metric}：没有可供比较的现任版本，此检查不适用。",
    ),
    "gate.column_absent": (
        "{columns}: read by this version and absent from {absent} of the last {rows} requests: clients have to send it first.",
        "{columns}：该版本需要读取，但最近 {rows} 个请求中有 {absent} 个没有提供：客户端需要先发送它。",
    ),
    "gate.no_comparison": (
        "{metric}: candidate and champion could not be compared on rows that are new to both.",
        "{metric}：无法在对两者都是新数据的行上比较候选版本与现任版本。",
    ),
    "gate.champion_unusable": (
        "{metric}: candidate and champion could not be compared: {error}.",
        "{metric}：无法比较候选版本与现任版本：{error}。",
    ),
    "gate.too_little": (
        "{metric}: too little evidence to compare with the champion: {rows} rows in {blocks} blocks, "
        "needed {rows_needed} rows in {blocks_needed} blocks.",
        "{metric}：与现任版本比较的证据不足：{rows} 行、{blocks} 个区块，需要 {rows_needed} 行、{blocks_needed} 个区块。",
    ),
    "gate.no_value": (
        "{metric} could not be computed on the {rows} held-out rows.",
        "{metric} 无法在 {rows} 行留出数据上计算。",
    ),
    "gate.at_least_passed": ("{metric} is {value:.4f}, at least {needed:g}.", "{metric} 为 {value:.4f}，不低于 {needed:g}。"),
    "gate.at_least_failed": ("{metric} is {value:.4f}, needed at least {needed:g}.", "{metric} 为 {value:.4f}，要求不低于 {needed:g}。"),
    "gate.at_most_passed": ("{metric} is {value:.4f}, at most {needed:g}.", "{metric} 为 {value:.4f}，不高于 {needed:g}。"),
    "gate.at_most_failed": ("{metric} is {value:.4f}, needed at most {needed:g}.", "{metric} 为 {value:.4f}，要求不高于 {needed:g}。"),
    "gate.better_passed": (
        "{metric}: certainly better: " + _GAIN + ", above {needed:+g}.",
        "{metric}：确定更好：" + _GAIN_ZH + "，高于 {needed:+g}。",
    ),
    "gate.better_failed": (
        "{metric}: certainly not better by {needed:+g}: " + _GAIN + ".",
        "{metric}：确定没有改善 {needed:+g}：" + _GAIN_ZH + "。",
    ),
    "gate.better_undecided": (
        "{metric}: not certain to be better: " + _GAIN + ", the lower bound has to be above {needed:+g}.",
        "{metric}：不能确定更好：" + _GAIN_ZH + "，下界须高于 {needed:+g}。",
    ),
    "gate.not_worse_passed": (
        "{metric}: certainly not worse: " + _GAIN + ", above {needed:+g}.",
        "{metric}：确定没有变差：" + _GAIN_ZH + "，高于 {needed:+g}。",
    ),
    "gate.not_worse_failed": (
        "{metric}: certainly worse: " + _GAIN + ", below {needed:+g}.",
        "{metric}：确定变差：" + _GAIN_ZH + "，低于 {needed:+g}。",
    ),
    "gate.not_worse_undecided": (
        "{metric}: may be worse: " + _GAIN + ", the lower bound has to be above {needed:+g}.",
        "{metric}：可能变差：" + _GAIN_ZH + "，下界须高于 {needed:+g}。",
    ),
}
