"""Sentences of the past: what a training bought, what an answer was part of, whether what is recorded still holds and trains again."""

_GAIN = "{gain:+.5f} [{lower:+.5f}, {upper:+.5f}] on {rows} {rows:row|rows} of {days} {days:day|days}"
_GAIN_ZH = "{gain:+.5f} [{lower:+.5f}, {upper:+.5f}]，共 {days} 天 {rows} 行"

SENTENCES: dict[str, tuple[str, str]] = {
    "bought.better": (
        f"on live rows version {{version}} was certainly better than {{against}}: {{metric}} gain {_GAIN}",
        f"在线上数据上，版本 {{version}} 确定优于 {{against}}：{{metric}} 增益 {_GAIN_ZH}",
    ),
    "bought.worse": (
        f"on live rows version {{version}} was certainly worse than {{against}}: {{metric}} gain {_GAIN}",
        f"在线上数据上，版本 {{version}} 确定劣于 {{against}}：{{metric}} 增益 {_GAIN_ZH}",
    ),
    "bought.even": (
        f"on live rows version {{version}} was neither certainly better nor certainly worse than {{against}}: {{metric}} gain {_GAIN}",
        f"在线上数据上，版本 {{version}} 与 {{against}} 相比，既不确定更好也不确定更差：{{metric}} 增益 {_GAIN_ZH}",
    ),
    "bought.too_little": (
        "too few live rows to say what version {version} was worth against {against} ({rows} {rows:row|rows} of {days} {days:day|days})",
        "线上数据太少，无法判断版本 {version} 相对 {against} 的价值（{days} 天 {rows} 行）",
    ),
    "trace.champion": ("the champion answered, and nothing was compared then", "由现任版本回答，当时没有进行比较"),
    "trace.watched": (
        "the champion answered under watch: version {previous}, which it replaced, scored the same row in shadow",
        "由现任版本在观察期内回答，被替换的版本 {previous} 在影子模式下对同一行评分",
    ),
    "trace.shadowed": (
        "the champion answered while version {challenger} scored the same row in shadow, by {metric}",
        "由现任版本回答，同时版本 {challenger} 在影子模式下对同一行评分，按 {metric} 比较",
    ),
    "trace.control": (
        "the champion answered as its arm of the {strategy} with version {challenger}, {share:.0%} of the units, by {metric}",
        "由现任版本作为与版本 {challenger} 的 {strategy} 的对照组回答，占 {share:.0%} 的单元，按 {metric} 比较",
    ),
    "trace.challenger": (
        "version {version} answered as the challenger of a {strategy} against {champion}, {share:.0%} of the units, by {metric}",
        "版本 {version} 作为 {strategy} 的挑战者（对 {champion}）回答，占 {share:.0%} 的单元，按 {metric} 比较",
    ),
    "trace.staged": (
        "version {version} answered as the challenger that a person staged, {share:.0%} of the units",
        "版本 {version} 作为人工设置的挑战者回答，占 {share:.0%} 的单元",
    ),
    "trace.pinned": ("version {version} was asked for by name", "请求指定了版本 {version}"),
    "trace.unassigned": (
        "version {version} answered in the place of the version the unit was assigned to, which could not or was taken out: "
        "part of no comparison",
        "单元被分配到的版本无法作答或已被移出，由版本 {version} 代为回答：不参与任何比较",
    ),
    "trace.override": (
        "version {version} answered a unit that testers pinned to an arm: part of no comparison",
        "由版本 {version} 回答测试者固定分组的单元：不参与任何比较",
    ),
    "trace.holdback": (
        "the unit is held back: answered as if nothing was to be done, scored by version {version}, and part of no comparison",
        "该单元属于保留组：按不采取行动作答，由版本 {version} 评分，不参与任何比较",
    ),
    "trace.elsewhere": ("the prediction was made elsewhere and told later", "该预测在别处作出，事后告知"),
    "trace.not_champion": (
        "version {version} answered as {variant}, though the journal has {champion} as champion then: the server had not taken over yet, "
        "or had gone back by itself",
        "版本 {version} 以 {variant} 的身份回答，而日志记录当时的现任版本是 {champion}：服务器尚未切换，或已自行退回",
    ),
    "held.no_version": ("version {version} was never registered here", "版本 {version} 从未在此注册"),
    "held.adopted": ("the version was adopted from {source}; no run of this project made it", "该版本接管自 {source}，并非本项目训练"),
    "held.gone": ("{error}", "已缺失：{error}"),
    "held.bundle": (
        "bundle {digest} is here; its signature and its {files} {files:file|files} are as they were signed",
        "模型包 {digest} 存在；签名与 {files} 个文件均与签署时一致",
    ),
    "held.no_bundle": ("without its bundle the answer cannot be made again", "没有模型包，无法重新作答"),
    "held.no_features": ("the features were not logged", "未记录特征"),
    "held.other_features": (
        "the logged row lacks what the version reads: {columns}",
        "所记录的行缺少该版本读取的列：{columns}",
    ),
    "held.no_score": ("the bundle cannot score the logged features: {error}", "模型包无法对所记录的特征评分：{error}"),
    "held.answer": ("scored again, the logged features give {now}, to the last bit", "对所记录的特征重新评分得到 {now}，逐位相同"),
    "held.answer_close": (
        "scored again, the logged features give {now}; the score is {difference:.1e} off, which is rounding",
        "对所记录的特征重新评分得到 {now}；分数相差 {difference:.1e}，属于舍入误差",
    ),
    "held.answer_differs": (
        "scored again, the logged features give {now}, not {then}; the score is {difference:.6f} off",
        "对所记录的特征重新评分得到 {now}，而不是 {then}；分数相差 {difference:.6f}",
    ),
    "held.run": ("run {run} is complete and names the same training", "运行 {run} 完整，且对应同一次训练"),
    "held.no_git": ("the version was trained outside git", "该版本在 git 之外训练"),
    "held.commit": ("git has commit {commit}", "git 中有提交 {commit}"),
    "held.no_commit": ("git does not have commit {commit} any more", "git 中已没有提交 {commit}"),
    "held.no_file": ("the run kept no {name}", "运行未保留 {name}"),
    "held.file": ("the run's {name} has the recorded bytes (sha256 {digest})", "运行保留的 {name} 与记录一致（sha256 {digest}）"),
    "held.file_differs": (
        "the run's {name} is not what was recorded (sha256 {digest})",
        "运行保留的 {name} 与记录不符（sha256 {digest}）",
    ),
    "held.other_snapshot": (
        "the run names snapshot {found}, the journal {recorded}",
        "运行指向快照 {found}，而日志记录的是 {recorded}",
    ),
    "held.snapshot": (
        "the {rows} {rows:row|rows} were restored with the recorded bytes (sha256 {digest}, DVC md5 {md5}, {path})",
        "{rows} 行已恢复，字节与记录一致（sha256 {digest}，DVC md5 {md5}，{path}）",
    ),
    "reproduce.identical": (
        "version {version} was trained again and is byte for byte the same ({files}), and so are its scores on {rows} held-out "
        "{rows:row|rows}",
        "版本 {version} 重新训练后逐字节相同（{files}），在 {rows} 行留出数据上的分数也相同",
    ),
    "reproduce.same_answers": (
        "version {version} was trained again: {other} has other bytes, but every score on {rows} held-out {rows:row|rows} is the same",
        "版本 {version} 重新训练：{other} 的字节不同，但在 {rows} 行留出数据上的分数全部相同",
    ),
    "reproduce.other_packages": (
        "version {version} was trained again with {count} other {count:package|packages} ({packages}) and {other} differs; scores are up "
        "to {difference:.2g} off",
        "版本 {version} 重新训练时有 {count} 个软件包不同（{packages}），{other} 不同；分数最多相差 {difference:.2g}",
    ),
    "reproduce.other_code": (
        "version {version} was trained again with code that is not what was recorded (taken from {taken}), and {other} differs",
        "版本 {version} 重新训练所用的代码与记录不符（取自 {taken}），{other} 不同",
    ),
    "reproduce.not_repeatable": (
        "the training of version {version} gives another model each time it is run, also twice in a row here: set every seed, such as "
        "random_state; scores on {rows} held-out {rows:row|rows} are up to {difference:.2g} off",
        "版本 {version} 的训练每次结果都不同，在此连续两次也不同：请固定所有随机种子（如 random_state）；"
        "在 {rows} 行留出数据上分数最多相差 {difference:.2g}",
    ),
    "reproduce.differs": (
        "version {version} was trained again from the same code, data and packages and {other} differs: {differing} of {rows} held-out "
        "scores, by up to {difference:.2g}; something else than code, data and packages decides it (hardware, threads, a file it reads)",
        "版本 {version} 用相同的代码、数据和软件包重新训练，{other} 不同：{rows} 个留出分数中有 {differing} 个不同，"
        "最多相差 {difference:.2g}；还有其他因素影响结果（硬件、线程、所读的文件）",
    ),
    "journal.edited": (
        "entry {seq} ({kind}, by {actor}) is not what was appended: it was edited",
        "第 {seq} 条（{kind}，{actor}）与写入时不同：已被改动",
    ),
    "journal.missing": (
        "{count:entry|entries} {first} to {last} {count:is|are} missing: removed",
        "缺少第 {first} 至 {last} 条：已被删除",
    ),
    "journal.inserted": (
        "{count:entry|entries} {first} to {last} {count:was|were} inserted: from {seq} on the entries were appended {count} earlier",
        "第 {first} 至 {last} 条是插入的：自第 {seq} 条起，条目原本写在更前 {count} 位",
    ),
    "journal.removed": (
        "{count} {count:entry|entries} before entry {seq} {count:was|were} removed, and those from {seq} on renumbered",
        "第 {seq} 条之前有 {count} 条被删除，其后的条目被重新编号",
    ),
    "journal.exchanged": (
        "entry {seq} is not the one that entry {next} was appended to: it was rewritten, with a hash of its own, or put in its place",
        "第 {seq} 条不是第 {next} 条写入时所接续的那一条：已被重写或替换",
    ),
    "journal.no_beginning": (
        "entry {seq} does not begin a journal: what came before it was removed",
        "第 {seq} 条不是日志的开头：其之前的内容已被删除",
    ),
    "journal.cut": (
        "the journal ends at entry {newest}; entry {expected} is missing: its end was cut off",
        "日志止于第 {newest} 条，缺少第 {expected} 条：末尾被截断",
    ),
    "journal.cut_served": (
        "the journal ends at entry {newest}, but servers were told of entry {served}: its end was cut off",
        "日志止于第 {newest} 条，而服务器曾收到第 {served} 条：末尾被截断",
    ),
    "journal.not_expected": (
        "entry {seq} has the hash {found}…, not {expected}…: it, or one before it, was written anew",
        "第 {seq} 条的哈希为 {found}…，而不是 {expected}…：该条或之前的条目被重写",
    ),
}
