"""Sentences about drift, English and Chinese. `_perhaps`: more than the threshold as far as one can see, not certain yet."""

_PERHAPS = ("not certain yet: ", "尚不能确定：")
_SHARE = "{share:.2%} of {rows} rows (training: {usual:.2%}; certainly over {lower:.2%}, threshold {threshold:.2%})"
_SHARE_ZH = "{rows} 行中占 {share:.2%}（训练时 {usual:.2%}；确定高于 {lower:.2%}，阈值 {threshold:.2%}）"

_FAR = "{column} moved by {distance:.2f} [{lower:.2f}, {upper:.2f}], threshold {threshold:.2f}: "
_MOVED = _FAR + "its median went from {before:.4g} to {now:.4g}"
_MOVED_ZH = "{column} 偏移 {distance:.2f} [{lower:.2f}, {upper:.2f}]，阈值 {threshold:.2f}：中位数由 {before:.4g} 变为 {now:.4g}"

_CERTAIN: dict[str, tuple[str, str]] = {
    "drift.moved": (_MOVED, _MOVED_ZH),
    "drift.moved_high": (
        f"{_MOVED}, higher than {{part:.1%}} of what the model was trained on",
        f"{_MOVED_ZH}，高于训练数据的 {{part:.1%}}",
    ),
    "drift.moved_low": (
        f"{_MOVED}, lower than {{part:.1%}} of what the model was trained on",
        f"{_MOVED_ZH}，低于训练数据的 {{part:.1%}}",
    ),
    "drift.moved_above": (
        _MOVED.replace(" to {now:.4g}", " to more than {now:.4g}") + ": the model has not seen values this high",
        _MOVED_ZH.replace("变为 {now:.4g}", "变为 {now:.4g} 以上") + "，模型没有见过这么高的值",
    ),
    "drift.moved_below": (
        _MOVED.replace(" to {now:.4g}", " to less than {now:.4g}") + ": the model has not seen values this low",
        _MOVED_ZH.replace("变为 {now:.4g}", "变为 {now:.4g} 以下") + "，模型没有见过这么低的值",
    ),
    "drift.moved_around": (
        _FAR + "its median is still {now:.4g}, but {part:.1%} of its values are at or below {at:.4g} (training: {usual:.1%})",
        _MOVED_ZH.split("：")[0] + "：中位数仍为 {now:.4g}，但有 {part:.1%} 的值不超过 {at:.4g}（训练时为 {usual:.1%}）",
    ),
    "drift.category_moved": (
        "{column} moved by {distance:.2f} [{lower:.2f}, {upper:.2f}], threshold {threshold:.2f}: "
        "mostly {category}, from {before:.1%} to {now:.1%}",
        "{column} 偏移 {distance:.2f} [{lower:.2f}, {upper:.2f}]，阈值 {threshold:.2f}：主要是 {category}，由 {before:.1%} 变为 {now:.1%}",
    ),
    "drift.missing": (f"{{column}} is missing in {_SHARE}", f"{{column}} 缺失：{_SHARE_ZH}"),
    "drift.present": (
        f"{{column}} is missing less often than in training: it is there in {_SHARE}",
        f"{{column}} 的缺失比训练时少，有值：{_SHARE_ZH}",
    ),
    "drift.unparsable": (f"{{column}} is not a number in {_SHARE}", f"{{column}} 不是数字：{_SHARE_ZH}"),
    "drift.infinite": (f"{{column}} is infinite in {_SHARE}", f"{{column}} 为无穷大：{_SHARE_ZH}"),
    "drift.out_of_range": (
        f"{{column}} is outside everything the model was trained on in {_SHARE}",
        f"{{column}} 超出训练数据的范围：{_SHARE_ZH}",
    ),
    "drift.new_categories": (
        f"{{column}} has categories the model was not trained on in {_SHARE}",
        f"{{column}} 出现训练时没有的类别：{_SHARE_ZH}",
    ),
}


def _since(english: str, chinese: str) -> tuple[str, str]:
    """The sentences with the time it began: where the threshold stood, or before what training knows."""
    told = english.replace(", threshold {threshold:.2f}:", " since {since}:")
    if told == english:
        told = english.replace(" (training", " since {since} (training")
    return told, "自 {since} 起，" + chinese.replace("，阈值 {threshold:.2f}：", "：")


SENTENCES: dict[str, tuple[str, str]] = {
    **_CERTAIN,
    **{f"{code}_since": _since(english, chinese) for code, (english, chinese) in _CERTAIN.items()},
    **{f"{code}_perhaps": (_PERHAPS[0] + english, _PERHAPS[1] + chinese) for code, (english, chinese) in _CERTAIN.items()},
    "drift.ok": (
        "{column} is {distance:.2f} [{lower:.2f}, {upper:.2f}] away from training, within {threshold:.2f}",
        "{column} 与训练数据相差 {distance:.2f} [{lower:.2f}, {upper:.2f}]，未超过 {threshold:.2f}",
    ),
    "drift.ok_wide": (
        "{column} is {distance:.2f} [{lower:.2f}, {upper:.2f}] away from training as it looks, which so few rows make by chance "
        "(threshold {threshold:.2f})",
        "{column} 看起来与训练数据相差 {distance:.2f} [{lower:.2f}, {upper:.2f}]，行数太少，可由偶然解释（阈值 {threshold:.2f}）",
    ),
    "drift.all_new": (
        "{column} has hardly a value twice, in training as now: only missing values of it are watched",
        "{column} 的值几乎都不重复（训练时也是如此）：只监控其缺失值",
    ),
    "drift.short_window": (
        "{column}: {rows} rows in a window shorter than training could calibrate: only floods of missing or unknown values are looked for",
        "{column}：{rows} 行，窗口短于训练数据能够校准的长度，只检查大量缺失或未知的值",
    ),
    "drift.dataset_ok": ("none of {watched} columns is beyond its threshold", "{watched} 列中没有一列超过阈值"),
    "drift.dataset_moved": (
        "{found} of {watched} {watched:column|columns} ({share:.0%}) {found:is beyond its threshold|are beyond their thresholds}: {names}; "
        "on average at most {rate:.0%} of those named are false",
        "{watched} 列中有 {found} 列（{share:.0%}）超过阈值：{names}；平均最多 {rate:.0%} 为误报",
    ),
    "drift.dataset_unknown": ("insufficient data in all {columns} columns", "全部 {columns} 列数据不足"),
    "drift.slow": (
        "{column} is as in the last training, and {first:.2f} from the first champion's: it has moved slowly, over several trainings",
        "{column} 与最近一次训练时相同，但与最初的现任版本的训练数据相差 {first:.2f}：它在多次训练之间缓慢偏移",
    ),
    "drift.slow_more": (
        "{count} more have moved slowly, over several trainings",
        "另有 {count} 列在多次训练之间缓慢偏移",
    ),
    "drift.nothing_there": (
        "{column} has no value in any of {rows} rows, as in training",
        "{column} 在 {rows} 行中都没有值，与训练时相同",
    ),
    "drift.few_rows": ("{column}: insufficient data, {rows} of {needed} rows", "{column}：数据不足，{needed} 行中只有 {rows} 行"),
    "drift.small_reference": (
        "{column}: insufficient data in the reference, {rows} of {needed} rows",
        "{column}：参考数据不足，{needed} 行中只有 {rows} 行",
    ),
    # What detect_drift says about two samples.
    "drift.sample_drift": (
        "{column} differs by {distance:.3f} [{lower:.3f}, {upper:.3f}], "
        "certainly (p = {p_value:.2g}) and by more than the margin {margin:g}",
        "{column} 相差 {distance:.3f} [{lower:.3f}, {upper:.3f}]，可以确定（p = {p_value:.2g}）且超过界限 {margin:g}",
    ),
    "drift.sample_missing": (
        "{column} is missing in {share:.2%} of the current rows and in {usual:.2%} of the reference",
        "{column} 在当前数据中缺失 {share:.2%}，在参考数据中缺失 {usual:.2%}",
    ),
    "drift.sample_small": (
        "{column} differs by {distance:.3f} [{lower:.3f}, {upper:.3f}]: "
        "certain (p = {p_value:.2g}), but not certainly more than the margin {margin:g}",
        "{column} 相差 {distance:.3f} [{lower:.3f}, {upper:.3f}]：差异确定（p = {p_value:.2g}），但不能确定超过界限 {margin:g}",
    ),
    "drift.sample_same": (
        "{column} differs by {distance:.3f} [{lower:.3f}, {upper:.3f}], which chance explains (p = {p_value:.2g})",
        "{column} 相差 {distance:.3f} [{lower:.3f}, {upper:.3f}]，可由偶然解释（p = {p_value:.2g}）",
    ),
    "drift.sample_empty": (
        "{column} cannot be compared: {reference} reference and {current} current values",
        "{column} 无法比较：参考数据有 {reference} 个值，当前数据有 {current} 个值",
    ),
}
