"""Sentences about the quality of what was asked of a model, English and Chinese."""

_ROWS = "{rows} of the newest {of} rows, such as {examples}"
_ROWS_ZH = "最新 {of} 行中有 {rows} 行，例如 {examples}"

SENTENCES: dict[str, tuple[str, str]] = {
    "quality.expect_below": (
        f"{{column}} is below {{allowed:g}}, the least that [quality] expect allows, in {_ROWS}: {{found}}",
        f"{{column}} 低于 [quality] expect 允许的最小值 {{allowed:g}}：{_ROWS_ZH}：{{found}}",
    ),
    "quality.expect_above": (
        f"{{column}} is above {{allowed:g}}, the most that [quality] expect allows, in {_ROWS}: {{found}}",
        f"{{column}} 高于 [quality] expect 允许的最大值 {{allowed:g}}：{_ROWS_ZH}：{{found}}",
    ),
    "quality.expect_not_number": (
        f"{{column}} is no number in {_ROWS}: {{found!r}}; [quality] expect gives it a min or max",
        f"{{column}} 不是数字：{_ROWS_ZH}：{{found!r}}；[quality] expect 为它规定了 min 或 max",
    ),
    "quality.expect_not_allowed": (
        f"{{column}} is none of the values that [quality] expect allows ({{allowed}}) in {_ROWS}: {{found!r}}",
        f"{{column}} 不在 [quality] expect 允许的值（{{allowed}}）之中：{_ROWS_ZH}：{{found!r}}",
    ),
    "quality.expect_missing": (
        f"{{column}} is missing in {{share:.2%}}, [quality] expect allows {{allowed:.2%}}: {_ROWS}",
        f"{{column}} 缺失 {{share:.2%}}，[quality] expect 允许 {{allowed:.2%}}：{_ROWS_ZH}",
    ),
    "quality.all_missing": (
        f"{{column}} is missing in every row, in training it was missing in {{usual:.1%}}: {_ROWS}",
        f"{{column}} 在所有行中都缺失，训练时缺失 {{usual:.1%}}：{_ROWS_ZH}",
    ),
    "quality.more_missing": (
        f"{{column}} is missing in {{share:.1%}}, in training it was {{usual:.1%}}: {_ROWS}",
        f"{{column}} 缺失 {{share:.1%}}，训练时为 {{usual:.1%}}：{_ROWS_ZH}",
    ),
    "quality.unparsable": (f"{{column}} is not a number in {_ROWS}: {{found!r}}", f"{{column}} 不是数字：{_ROWS_ZH}：{{found!r}}"),
    "quality.infinite": (f"{{column}} is infinite in {_ROWS}", f"{{column}} 为无穷大：{_ROWS_ZH}"),
    "quality.not_text": (
        f"{{column}} was text in training and is another kind of value in {_ROWS}: {{found!r}}",
        f"{{column}} 在训练时为文本，现在是其他类型的值：{_ROWS_ZH}：{{found!r}}",
    ),
    "quality.constant": (
        f"{{column}} has one value, {{found}}, wherever it is there; in training no value had more than {{usual:.1%}}: {_ROWS}",
        f"{{column}} 凡有值处都是 {{found}}；训练时没有哪个值超过 {{usual:.1%}}：{_ROWS_ZH}",
    ),
    "quality.ahead": (
        f"the event time lies up to {{by}} after the time at which the server got it in {_ROWS}: is some client's clock ahead?",
        f"事件时间比服务器收到的时间晚，最多 {{by}}：{_ROWS_ZH}：是否有客户端的时钟偏快？",
    ),
    "quality.late": (
        "{rows} of the newest {of} rows of the window before this one, such as {examples}, were told of up to {by} after they happened, "
        "later than a window ({window}): the reports of their time do not have them",
        "上一个窗口最新的 {of} 行中有 {rows} 行（例如 {examples}）在发生之后最多 {by} 才报告，超过一个窗口（{window}）："
        "当时的报告不包含它们",
    ),
    "quality.repeated": (
        "{again} of {looked} rows ask what was asked before: the same features of the same unit and id; most often, {rows} times, "
        "such as {examples}",
        "{looked} 行中有 {again} 行重复了之前的请求：单元、标识和特征都相同；最多的一种重复 {rows} 次：{examples}",
    ),
    "quality.silent": (
        "nothing was asked in this window, though from {start} UTC on one would expect {usual} predictions, as on other days",
        "此窗口内没有任何请求；按往日，UTC {start} 起应有约 {usual} 次预测",
    ),
    "quality.silent_since": (
        "nothing was asked since {newest} UTC; from {start} to {end} UTC one would expect {usual} predictions, as on other days",
        "自 UTC {newest} 起没有任何请求；按往日，UTC {start} 至 {end} 应有约 {usual} 次预测",
    ),
    "quality.refused": (
        "{rows:,} of {of:,} requests since {since} UTC were refused with {status}: what clients send is not what the model reads. The "
        "server's answer to such a request says why, `flyball_requests_refused_total` on /metrics how many",
        "UTC {since} 起的 {of:,} 个请求中有 {rows:,} 个被拒绝（{status}）：客户端发送的内容与模型读取的不一致。"
        "服务器对此类请求的回答会说明原因，/metrics 上的 `flyball_requests_refused_total` 给出数量",
    ),
    "quality.refused_before": (
        "{rows:,} of {of:,} requests since {since} UTC were refused with {status}, and hardly any in the last {minutes} minutes",
        "UTC {since} 起的 {of:,} 个请求中有 {rows:,} 个被拒绝（{status}），最近 {minutes} 分钟几乎没有",
    ),
    "quality.failed": (
        "{rows:,} of {of:,} requests since {since} UTC failed with {status}: /health and the server's log say why",
        "UTC {since} 起的 {of:,} 个请求中有 {rows:,} 个失败（{status}）：/health 和服务器日志会说明原因",
    ),
    "quality.failed_before": (
        "{rows:,} of {of:,} requests since {since} UTC failed with {status}, and hardly any in the last {minutes} minutes",
        "UTC {since} 起的 {of:,} 个请求中有 {rows:,} 个失败（{status}），最近 {minutes} 分钟几乎没有",
    ),
    "quality.more": ("and {more} more findings that are not listed", "另有 {more} 条未列出"),
    "suppressed.quality": (
        "what is asked of the model is faulty ({columns}), and a training would learn the fault or answer it",
        "请求模型的数据有错误（{columns}），此时训练会学到这些错误",
    ),
}
