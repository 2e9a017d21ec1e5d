"""Sentences of realised performance: code → (English, Chinese)."""

_LEFT_OUT = (
    "{strange:?; {strange} {strange:label|labels} unknown to the model left out}{broken:?; {broken} broken {broken:score|scores} left out}"
)
_ON = "{rows} {rows:row|rows} in {blocks} {blocks:day|days}"
_OVER = "over {blocks} {blocks:day|days}"
_KNOWN = "{labelled} of {matured} matured {matured:prediction|predictions} {labelled:has|have} an outcome" + _LEFT_OUT + "."
_LEFT_OUT_ZH = "{strange:?；排除了 {strange} 个模型未知的标签}{broken:?；排除了 {broken} 个无效分数}"

_BY_DAY: dict[str, tuple[str, str]] = {
    "performance.realised": (
        "{metric} is {value:.4f} [{lower:.4f}, {upper:.4f}] on " + _ON + "; " + _KNOWN,
        "{metric} 为 {value:.4f} [{lower:.4f}, {upper:.4f}]，{blocks} 天共 {rows} 行；"
        "{matured} 个到期预测中有 {labelled} 个已有结果" + _LEFT_OUT_ZH + "。",
    ),
    "performance.too_little": (
        "{metric} is {value:.4f}, but " + _ON + " {rows:is|are} too few to say how sure that is: "
        "needed {rows_needed} rows in {blocks_needed} days; " + _KNOWN,
        "{metric} 为 {value:.4f}，但 {blocks} 天共 {rows} 行不足以判断其可靠性：需要 {blocks_needed} 天共 {rows_needed} 行；"
        "{matured} 个到期预测中有 {labelled} 个已有结果" + _LEFT_OUT_ZH + "。",
    ),
    "performance.no_bounds": (
        "{metric} is {value:.4f} on " + _ON + ", but too many of these days alone do not define it" + _LEFT_OUT + ".",
        "{metric} 为 {value:.4f}，{blocks} 天共 {rows} 行，但其中太多天单独无法定义该指标" + _LEFT_OUT_ZH + "。",
    ),
    "performance.no_value": (
        "{metric} cannot be computed from " + _ON + "; " + _KNOWN,
        "{metric} 无法从 {blocks} 天共 {rows} 行计算；{matured} 个到期预测中有 {labelled} 个已有结果" + _LEFT_OUT_ZH + "。",
    ),
    "performance.below_floor": (
        "{metric} of version {version} is {value:.4f} [{lower:.4f}, {upper:.4f}] " + _OVER + ": certainly beyond the floor "
        "{floor:.4f} (held-out bound {reference:.4f}, allowed drop {drop:g}).",
        "版本 {version} 的 {metric} 在 {blocks} 天内为 {value:.4f} [{lower:.4f}, {upper:.4f}]：确定越过底线 {floor:.4f}"
        "（留出界限 {reference:.4f}，允许下降 {drop:g}）。",
    ),
    "performance.surely_below_floor": (
        "{metric} of version {version} is {value:.4f} [{lower:.4f}, {upper:.4f}] over {blocks} days: certainly beyond the floor "
        "{floor:.4f} (held-out bound {reference:.4f}, allowed drop {drop:g}), and so is the bound {bound:.4f} that half a year of daily "
        "looks would pass in at most 5 % without cause (level {level:.5f}).",
        "版本 {version} 的 {metric} 在 {blocks} 天内为 {value:.4f} [{lower:.4f}, {upper:.4f}]：确定越过底线 {floor:.4f}"
        "（留出界限 {reference:.4f}，允许下降 {drop:g}），界限 {bound:.4f} 也越过：若无原因，"
        "半年内每日查看越过它的概率至多 5 %（水平 {level:.5f}）。",
    ),
    "performance.nearly_below_floor": (
        "{metric} of version {version} is {value:.4f} [{lower:.4f}, {upper:.4f}] over {blocks} days: beyond the floor {floor:.4f} for a "
        "single look, but not for one of half a year of daily looks, whose bound is {bound:.4f} (level {level:.5f}; held-out bound "
        "{reference:.4f}, allowed drop {drop:g}).",
        "版本 {version} 的 {metric} 在 {blocks} 天内为 {value:.4f} [{lower:.4f}, {upper:.4f}]：就单次查看而言越过底线 {floor:.4f}，"
        "但对半年内的每日查看并不确定，其界限为 {bound:.4f}（水平 {level:.5f}；留出界限 {reference:.4f}，允许下降 {drop:g}）。",
    ),
    "performance.perhaps_below_floor": (
        "{metric} of version {version} is {value:.4f} [{lower:.4f}, {upper:.4f}] " + _OVER + ": beyond the floor {floor:.4f}, "
        "but not certainly (held-out bound {reference:.4f}, allowed drop {drop:g}).",
        "版本 {version} 的 {metric} 在 {blocks} 天内为 {value:.4f} [{lower:.4f}, {upper:.4f}]：越过底线 {floor:.4f}，但不能确定"
        "（留出界限 {reference:.4f}，允许下降 {drop:g}）。",
    ),
    "performance.above_floor": (
        "{metric} of version {version} is {value:.4f} [{lower:.4f}, {upper:.4f}] " + _OVER + ", within the floor {floor:.4f} "
        "(held-out bound {reference:.4f}, allowed drop {drop:g}).",
        "版本 {version} 的 {metric} 在 {blocks} 天内为 {value:.4f} [{lower:.4f}, {upper:.4f}]，未越过底线 {floor:.4f}"
        "（留出界限 {reference:.4f}，允许下降 {drop:g}）。",
    ),
}


def _with_units(english: str, chinese: str) -> tuple[str, str]:
    """The same where a block is a unit."""
    english = english.replace("day|days", "unit|units").replace(" days", " units")
    return english, chinese.replace(" 天", " 个单元").replace("太多天", "太多单元")


def _with_rows(english: str, chinese: str) -> tuple[str, str]:
    """The same where each row is a block."""
    english = english.replace(" in {blocks} {blocks:day|days}", "").replace(" in {blocks_needed} days", "")
    english = english.replace("day|days", "independent row|independent rows").replace(" days", " independent rows")
    chinese = chinese.replace("{blocks} 天共 ", "").replace("{blocks_needed} 天共 ", "").replace(" 天", " 个独立行")
    return english.replace("of these independent rows", "of these rows"), chinese.replace("太多天", "太多行")


SENTENCES: dict[str, tuple[str, str]] = {
    **_BY_DAY,
    **{f"{code}_units": _with_units(*sentences) for code, sentences in _BY_DAY.items()},
    **{f"{code}_rows": _with_rows(*sentences) for code, sentences in _BY_DAY.items()},
}
