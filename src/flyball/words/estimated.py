"""Sentences of what is told of performance beside its value: estimates without labels, slices, calibration, coverage."""

_BLIND = " Without outcomes nobody can see that the same inputs have come to mean something else (concept drift)."
_BLIND_ZH = "没有结果，就看不出同样的输入含义已经改变（概念漂移）。"

SENTENCES: dict[str, tuple[str, str]] = {
    "estimated.value": (
        "{metric} is estimated at {value:.4f} [{lower:.4f}, {upper:.4f}] from the scores of {rows} rows alone, "
        "calibrated on {held_out} held-out rows." + _BLIND,
        "{metric} 估计为 {value:.4f} [{lower:.4f}, {upper:.4f}]，仅凭 {rows} 行的分数，按 {held_out} 行留出数据校准。" + _BLIND_ZH,
    ),
    "estimated.forecast": (
        "{metric} is estimated at {value:.4f} [{lower:.4f}, {upper:.4f}] from {rows} rows without their outcomes, by a model of the loss "
        "learnt on {held_out} held-out rows." + _BLIND,
        "{metric} 估计为 {value:.4f} [{lower:.4f}, {upper:.4f}]，由在 {held_out} 行留出数据上学得的损失模型从 {rows} 行（无结果）得出。"
        + _BLIND_ZH,
    ),
    "estimated.no_bounds": (
        "{metric} is estimated at {value:.4f} from {rows} rows without their outcomes; {blocks} held-out days or blocks are too few, or do "
        "not define it often enough, to say how sure that is (needed {needed} days).",
        "{metric} 估计为 {value:.4f}，来自 {rows} 行（无结果）；{blocks} 个留出的天或块太少，或不足以定义该指标，无法判断其可靠性"
        "（需要 {needed} 天）。",
    ),
    "estimated.too_little": (
        "{metric} is not estimated: {rows} of {needed} rows needed"
        "{broken:? ({broken} {broken:score that is|scores that are} not finite left out)}.",
        "未估计 {metric}：需要 {needed} 行，只有 {rows} 行{broken:?（排除了 {broken} 个非有限分数）}。",
    ),
    "estimated.not_available": (
        "{metric} is not estimated: this version holds nothing that could be used for it, because it was trained before there were "
        "estimates, adopted, or made by a newer Flyball; the next training adds it.",
        "未估计 {metric}：该版本没有可用于估计的内容，因为它在支持估计之前训练、是接入的，或由更新的 Flyball 制作；下一次训练会补上。",
    ),
    "estimated.no_method": (
        "{metric} cannot be estimated without outcomes; mae, mse and rmse can.",
        "{metric} 无法在没有结果时估计；mae、mse 和 rmse 可以。",
    ),
    "estimated.no_value": (
        "{metric} cannot be estimated from these {rows} rows: their scores do not define it, or the inputs of its loss were not logged.",
        "无法从这 {rows} 行估计 {metric}：其分数不能定义它，或没有记录损失模型的输入。",
    ),
    "estimated.below_floor": (
        "{metric} of the newest {rows} rows is estimated at {value:.4f} [{lower:.4f}, {upper:.4f}]: certainly beyond the floor "
        "{floor:.4f}, as far as scores can tell.",
        "最新 {rows} 行的 {metric} 估计为 {value:.4f} [{lower:.4f}, {upper:.4f}]：就分数所能判断，确定越过底线 {floor:.4f}。",
    ),
    "estimated.surely_below_floor": (
        "{metric} of the newest {rows} rows is estimated at {value:.4f} [{lower:.4f}, {upper:.4f}]: certainly beyond the floor "
        "{floor:.4f}, as far as scores can tell, and so is its bound {bound:.4f} for half a year of daily looks (level {level:.5f}).",
        "最新 {rows} 行的 {metric} 估计为 {value:.4f} [{lower:.4f}, {upper:.4f}]：就分数所能判断，确定越过底线 {floor:.4f}，"
        "半年内每日查看所用的界限 {bound:.4f} 也越过（水平 {level:.5f}）。",
    ),
    "estimated.perhaps_below_floor": (
        "{metric} of the newest {rows} rows is estimated at {value:.4f} [{lower:.4f}, {upper:.4f}]: beyond the floor {floor:.4f}, "
        "but not certainly.",
        "最新 {rows} 行的 {metric} 估计为 {value:.4f} [{lower:.4f}, {upper:.4f}]：越过底线 {floor:.4f}，但不能确定。",
    ),
    "estimated.above_floor": (
        "{metric} of the newest {rows} rows is estimated at {value:.4f} [{lower:.4f}, {upper:.4f}], within the floor {floor:.4f}.",
        "最新 {rows} 行的 {metric} 估计为 {value:.4f} [{lower:.4f}, {upper:.4f}]，未越过底线 {floor:.4f}。",
    ),
    "estimated.contradicted": (
        "{metric} of the newest {rows} rows is estimated at {value:.4f} [{lower:.4f}, {upper:.4f}], beyond the floor {floor:.4f}, but the "
        "{labelled} outcomes that are known contradict the estimate: {metric} is {realised:.4f} there, better than was estimated.",
        "最新 {rows} 行的 {metric} 估计为 {value:.4f} [{lower:.4f}, {upper:.4f}]，越过底线 {floor:.4f}，"
        "但已知的 {labelled} 个结果与估计相矛盾：那里的 {metric} 为 {realised:.4f}，好于估计。",
    ),
    "retrain.estimated": (
        "before its labels are known, {metric} of the newest {rows} rows is estimated at {value:.4f} [{lower:.4f}, {upper:.4f}], certainly "
        "beyond the floor {floor:.4f}, and {columns} certainly drifted",
        "在标签到来之前，最新 {rows} 行的 {metric} 估计为 {value:.4f} [{lower:.4f}, {upper:.4f}]，"
        "确定越过底线 {floor:.4f}，且 {columns} 确定漂移",
    ),
    "slice.worse": (
        "{column} = {slice}: {metric} is {value:.4f} [{lower:.4f}, {upper:.4f}] on {rows} rows, certainly worse than on the other rows, by "
        "{gap:.4f} (at least {least:.4f}, whichever of the {slices} slices one looks at).",
        "{column} = {slice}：{metric} 在 {rows} 行上为 {value:.4f} [{lower:.4f}, {upper:.4f}]，确定差于其余行，差 {gap:.4f}"
        "（至少 {least:.4f}，对全部 {slices} 个切片同时成立）。",
    ),
    "slice.not_worse": (
        "{column} = {slice}: {metric} is {value:.4f} [{lower:.4f}, {upper:.4f}] on {rows} rows, not certainly worse than on the other "
        "rows; the bounds hold together for the {slices} slices.",
        "{column} = {slice}：{metric} 在 {rows} 行上为 {value:.4f} [{lower:.4f}, {upper:.4f}]，"
        "不能确定差于其余行；界限对 {slices} 个切片同时成立。",
    ),
    "slice.all": (
        "{column} = {slice}: {metric} is {value:.4f} [{lower:.4f}, {upper:.4f}]; all {rows} rows have this value.",
        "{column} = {slice}：{metric} 为 {value:.4f} [{lower:.4f}, {upper:.4f}]；全部 {rows} 行都取此值。",
    ),
    "slice.no_bounds": (
        "{column} = {slice}: {metric} is {value:.4f} on {rows} rows in {blocks} blocks, too many of which do not define it alone.",
        "{column} = {slice}：{metric} 在 {blocks} 个块共 {rows} 行上为 {value:.4f}，其中太多块单独无法定义该指标。",
    ),
    "slice.too_little": (
        "{column} = {slice}: {rows} rows with an outcome in {blocks} blocks are too few to judge; needed {needed} rows in {blocks_needed}.",
        "{column} = {slice}：{blocks} 个块共 {rows} 行有结果，不足以判断；需要 {blocks_needed} 个块共 {needed} 行。",
    ),
    "slice.unknown": (
        "slice {column!r}: no column the model reads, and no request had it in its context.",
        "切片 {column!r}：既不是模型读取的列，也没有请求在 context 中带有它。",
    ),
    "calibration.error": (
        "On {rows} rows the share of positives is {error:.4f} away from the score on average; "
        "chance alone would make that {chance:.4f} if the scores were exact probabilities.",
        "在 {rows} 行上，阳性比例与分数平均相差 {error:.4f}；若分数是准确的概率，仅偶然性会造成 {chance:.4f}。",
    ),
    "calibration.error_answered": (
        "On {rows} rows the answered class is true {error:.4f} more or less often than its score says on average; "
        "chance alone would make that {chance:.4f} if the scores were exact probabilities.",
        "在 {rows} 行上，所答类别为真的比例与其分数平均相差 {error:.4f}；若分数是准确的概率，仅偶然性会造成 {chance:.4f}。",
    ),
    "coverage.sampled": (
        "The details rest on {rows} rows, one in {one_in} of those of the window, in which {predicted} predictions were made; the metric "
        "of the floor and the counts rest on all.",
        "详情基于 {rows} 行，即窗口内每 {one_in} 行取一行（窗口内共 {predicted} 个预测）；底线指标和计数基于全部行。",
    ),
    "coverage.late": (
        "{late} {late:outcome|outcomes} of matured predictions came later than `matures` and {late:does|do} not count; "
        "a longer `matures` would take {late:it|them} in.",
        "{late} 个到期预测的结果晚于 `matures` 到来，不计入；更长的 `matures` 可将其纳入。",
    ),
}
