"""Sentences about drift, English and Chinese. `_perhaps`: more than the threshold as far as one can see, not certain yet."""

_PERHAPS = ("not certain yet: ", "尚不能确定：")
_SHARE = "{share:.2%} of {rows} rows (training: {usual:.2%}; certainly over {lower:.2%}, threshold {threshold:.2%})"
_SHARE_ZH = "{rows} 行中占 {share:.2%}（训练时 {usual:.2%}；确定高于 {lower:.2%}，阈值 {threshold:.2%}）"

_CERTAIN: dict[str, tuple[str, str]] = {
    "drift.moved": (
        "{column} moved by {distance:.2f} [{lower:.2f}, {upper:.2f}], threshold {threshold:.2f}: "
        "its median went from {before:.4g} to {now:.4g}",
        "{column} 偏移 {distance:.2f} [{lower:.2f}, {upper:.2f}]，阈值 {threshold:.2f}：中位数由 {before:.4g} 变为 {now:.4g}",
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

SENTENCES: dict[str, tuple[str, str]] = {
    **_CERTAIN,
    **{f"{code}_perhaps": (_PERHAPS[0] + english, _PERHAPS[1] + chinese) for code, (english, chinese) in _CERTAIN.items()},
    "drift.ok": (
        "{column} is {distance:.2f} [{lower:.2f}, {upper:.2f}] away from training, within {threshold:.2f}",
        "{column} 与训练数据相差 {distance:.2f} [{lower:.2f}, {upper:.2f}]，未超过 {threshold:.2f}",
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
