"""Sentences of a model's own tests: code → (English, Chinese)."""

_ALLOWED = "{allowed:.1%} of the rows may"
_ALLOWED_ZH = "允许 {allowed:.1%} 的行"
_OF = "{broken} of {asked} changed {asked:row|rows}"
_OF_ZH = "{asked} 个被改动的行中有 {broken} 个"
_TIMES = "one row takes {median:.3f} ms (median), {p99:.3f} ms (99th percentile), over {rows} rows in this process"
_TIMES_ZH = "在本进程中测 {rows} 行，单行耗时中位数 {median:.3f} 毫秒，99 分位 {p99:.3f} 毫秒"
_DIRECTION = (
    "{broken} of {asked} changed {asked:row|rows} move the wrong way by more than {tolerance:g}, {worst:.4f} at the most; " + _ALLOWED
)
_DIRECTION_ZH = "{asked} 个被改动的行中有 {broken} 个朝错误方向移动超过 {tolerance:g}，最多 {worst:.4f}；" + _ALLOWED_ZH

SENTENCES: dict[str, tuple[str, str]] = {
    "behaviour.no_rows": (
        "There are no rows to ask: none were held out, or the project's data lacks columns that the model reads.",
        "没有可用于测试的行：没有留出行，或者项目数据缺少模型读取的列。",
    ),
    "behaviour.error": ("The model failed: {error}.", "模型出错：{error}。"),
    "behaviour.nothing_changed": ("The change leaves every row as it is: {columns}.", "该改动没有改变任何一行：{columns}。"),
    "behaviour.invariance_passed": (
        _OF + " move further than they may{same:? (or get another label)}; the score moves by {largest:.4f} at the most, "
        "{flipped} get another label; " + _ALLOWED + ".",
        _OF_ZH + "变动超出允许范围；得分最多变动 {largest:.4f}，{flipped} 行标签改变；" + _ALLOWED_ZH + "。",
    ),
    "behaviour.invariance_failed": (
        _OF + " move further than the {most:g} they may{same:? (or get another label)}: by {largest:.4f} at the most, "
        "{flipped} get another label; only " + _ALLOWED + ".",
        _OF_ZH + "变动超过允许的 {most:g}：最多 {largest:.4f}，{flipped} 行标签改变；只" + _ALLOWED_ZH + "。",
    ),
    "behaviour.direction_raised_passed": (_DIRECTION + ".", _DIRECTION_ZH + "。"),
    "behaviour.direction_raised_failed": ("The score falls: " + _DIRECTION + " only.", "得分下降：" + _DIRECTION_ZH + "而已。"),
    "behaviour.direction_lowered_passed": (_DIRECTION + ".", _DIRECTION_ZH + "。"),
    "behaviour.direction_lowered_failed": ("The score rises: " + _DIRECTION + " only.", "得分上升：" + _DIRECTION_ZH + "而已。"),
    "behaviour.direction_mean_passed": (
        "Over {asked} changed rows the score moves by {mean:+.4f} on average.",
        "在 {asked} 个被改动的行上，得分平均变化 {mean:+.4f}。",
    ),
    "behaviour.direction_mean_failed": (
        "Over {asked} changed rows the score moves by {mean:+.4f} on average, the wrong way by more than {tolerance:g}.",
        "在 {asked} 个被改动的行上，得分平均变化 {mean:+.4f}，方向错误且超过 {tolerance:g}。",
    ),
    "behaviour.minimum_passed": (
        "{rows} given {rows:row is|rows are} answered as wanted ({wanted}).",
        "给定的 {rows} 行都得到了应有的回答（{wanted}）。",
    ),
    "behaviour.minimum_failed": (
        "{broken} of {rows} given {rows:row|rows} {broken:is|are} not answered as wanted ({wanted}): "
        "row {row} is answered {answer}, score {score:.4f}.",
        "给定的 {rows} 行中有 {broken} 行没有得到应有的回答（{wanted}）：第 {row} 行的回答是 {answer}，得分 {score:.4f}。",
    ),
    "behaviour.no_usual_value": (
        "Row {row} leaves out {column}, whose usual value is not known without rows.",
        "第 {row} 行没有给出 {column}，而没有数据就不知道它的通常取值。",
    ),
    "behaviour.slice_least_passed": (
        "{metric} is {found:.4f} where {column} is {value} ({rows} rows), at least {needed:g}.",
        "{column} 为 {value} 时（{rows} 行）{metric} 为 {found:.4f}，不低于 {needed:g}。",
    ),
    "behaviour.slice_least_failed": (
        "{metric} is {found:.4f} where {column} is {value} ({rows} rows), needed at least {needed:g}.",
        "{column} 为 {value} 时（{rows} 行）{metric} 为 {found:.4f}，要求不低于 {needed:g}。",
    ),
    "behaviour.slice_most_passed": (
        "{metric} is {found:.4f} where {column} is {value} ({rows} rows), at most {needed:g}.",
        "{column} 为 {value} 时（{rows} 行）{metric} 为 {found:.4f}，不高于 {needed:g}。",
    ),
    "behaviour.slice_most_failed": (
        "{metric} is {found:.4f} where {column} is {value} ({rows} rows), needed at most {needed:g}.",
        "{column} 为 {value} 时（{rows} 行）{metric} 为 {found:.4f}，要求不高于 {needed:g}。",
    ),
    "behaviour.slice_no_value": (
        "{metric} is not defined where {column} is {value} ({rows} rows), such as an AUC where all have one label.",
        "{column} 为 {value} 时（{rows} 行）{metric} 没有定义，例如所有行标签相同时的 AUC。",
    ),
    "behaviour.slice_small": (
        "Only {found} held-out rows have {column} = {value}; {rows} are needed.",
        "留出数据中只有 {found} 行的 {column} 为 {value}，需要 {rows} 行。",
    ),
    "behaviour.slices_small": (
        "{count} {count:value|values} of {column} {count:has|have} fewer than {rows} held-out rows and {count:is|are} not judged.",
        "{column} 有 {count} 个取值的留出行少于 {rows}，不作判断。",
    ),
    "behaviour.slice_empty": ("No held-out row has {column} = {value}.", "留出数据中没有 {column} 为 {value} 的行。"),
    "behaviour.no_truth": ("The labels cannot be compared: {error}.", "标签无法比较：{error}。"),
    "behaviour.round_trip_passed": (
        "{rows} of {known} rows come out of the protocol as they went in and have the same score.",
        "{known} 行中的 {rows} 行经过协议后保持不变，得分相同。",
    ),
    "behaviour.round_trip_failed": (
        "{bad} of {rows} rows have another score through the protocol than in process: row {row} is {largest:.6g} apart.",
        "{rows} 行中有 {bad} 行经过协议后的得分与进程内不同：第 {row} 行相差 {largest:.6g}。",
    ),
    "behaviour.round_trip_refused": (
        "A row of the training data, among rows {start} to {end}, is no request the server takes: {error}.",
        "训练数据第 {start} 至 {end} 行中有一行不是服务器接受的请求：{error}。",
    ),
    "behaviour.round_trip_lost": ("{sent} rows were sent and {came} came.", "发送了 {sent} 行，收到 {came} 行。"),
    "behaviour.repeatable": (
        "{rows} rows have the same scores again and in another order, {alone} of them one by one.",
        "{rows} 行重复计算、换顺序计算得分都相同，其中 {alone} 行逐行计算也相同。",
    ),
    "behaviour.not_repeatable": (
        "{rows} rows asked {way} have other scores: {largest:.6g} apart.",
        "{rows} 行（{way}）再次计算得到不同的得分：相差 {largest:.6g}。",
    ),
    "behaviour.missing_passed": (
        "{columns} {columns:column|columns} may be missing, alone and together: all {rows} rows get a number.",
        "{columns} 列允许缺失，单独或全部缺失时，{rows} 行都得到数值。",
    ),
    "behaviour.none_missing": (
        "None of the {columns} {columns:column|columns} may be missing, and a request without one is refused.",
        "{columns} 列都不允许缺失，缺失的请求会被拒绝。",
    ),
    "behaviour.missing_failed": (
        "Without {columns}, {bad} of {rows} rows get a score that is no finite number.",
        "缺少 {columns} 时，{rows} 行中有 {bad} 行的得分不是有限数。",
    ),
    "behaviour.missing_taken": (
        "A request without {column} is taken, although it was never missing in training.",
        "训练中从未缺失的 {column} 缺失时，请求却被接受。",
    ),
    "behaviour.no_categories": ("The model reads no categories.", "模型不读取类别列。"),
    "behaviour.unseen_refused": ("The server refuses them: [serve] unseen.", "服务器会拒绝它们：[serve] unseen。"),
    "behaviour.unseen_passed": (
        "A category that training did not have gets a number, in each of {columns} {columns:column|columns}, for all {rows} rows.",
        "训练中没有的类别在 {columns} 列的每一列中、对全部 {rows} 行都得到数值。",
    ),
    "behaviour.unseen_failed": (
        "With a category of {column} that training did not have, {bad} of {rows} rows get a score that is no finite number.",
        "{column} 取训练中没有的类别时，{rows} 行中有 {bad} 行的得分不是有限数。",
    ),
    "behaviour.latency": (_TIMES + "; no budget is set.", _TIMES_ZH + "；未设预算。"),
    "behaviour.latency_passed": (
        _TIMES + "; the budget is {most_median:g} and {most_p99:g} ms.",
        _TIMES_ZH + "；预算为 {most_median:g} 与 {most_p99:g} 毫秒。",
    ),
    "behaviour.latency_failed": (
        "Too slow: " + _TIMES + "; the budget is {most_median:g} and {most_p99:g} ms.",
        "太慢：" + _TIMES_ZH + "；预算为 {most_median:g} 与 {most_p99:g} 毫秒。",
    ),
    "behaviour.python_passed": ("It ran to its end.", "运行到结束。"),
    "behaviour.python_failed": ("{message}.", "测试未通过：{message}。"),
    "behaviour.python_undecided": ("{message}.", "无法判断：{message}。"),
    "behaviour.python_error": ("The tests in Python could not be run: {error}.", "无法运行 Python 测试：{error}。"),
    "behaviour.python_none": (
        "model_tests.py has no function whose name begins with test_.",
        "model_tests.py 中没有名称以 test_ 开头的函数。",
    ),
    "behaviour.seen": (
        "Nobody knows what this model learned from: the rows it is tested with may be among them.",
        "不知道该模型是用哪些行训练的：用来测试的行可能就在其中。",
    ),
}
