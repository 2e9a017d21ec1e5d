"""Sentences of A/B results that were logged from Python."""

_GAIN = "{loss} gain {gain:+.5f} [{lower:+.5f}, {upper:+.5f}] on {users:,} users"
_GAIN_ZH = "{loss} 增益 {gain:+.5f} [{lower:+.5f}, {upper:+.5f}]，共 {users:,} 位用户"

SENTENCES: dict[str, tuple[str, str]] = {
    "ab.better": (f"B is certainly better than A: {_GAIN}", f"B 确定优于 A：{_GAIN_ZH}"),
    "ab.worse": (f"B is certainly worse than A: {_GAIN}", f"B 确定劣于 A：{_GAIN_ZH}"),
    "ab.undecided": (f"not decided yet between B and A: {_GAIN}", f"B 与 A 尚未分出：{_GAIN_ZH}"),
    "ab.few": (
        "{rows:,} {rows:result|results} with an outcome of {users:,} {users:user|users} so far; bounds are given from {needed} users in "
        "each arm on",
        "目前有 {users:,} 位用户的 {rows:,} 条有结果的记录；每臂达到 {needed} 位用户后给出界限",
    ),
    "ab.split": (
        "users are not split as the ratio says: {a:,} in A and {b:,} in B, {found:.2%} where the ratio is {ratio:.2%}; results of one "
        "arm are missing, so nothing is decided (always-valid p = {p:.1g})",
        "用户未按设定比例分配：A 有 {a:,} 位，B 有 {b:,} 位，B 占 {found:.2%}，应为 {ratio:.2%}；"
        "有一臂的记录缺失，因此不作决定（始终有效 p = {p:.1g}）",
    ),
}
