"""Texts of the dashboard, English and Chinese: its frame, the list of models, and the loop."""

_FRAME: dict[str, tuple[str, str]] = {
    "dashboard.skip": ("To the contents", "跳到正文"),
    "dashboard.models": ("Models", "模型"),
    "dashboard.pages": ("Pages", "页面"),
    "dashboard.menu.fleet": ("Models", "全部模型"),
    "dashboard.menu.loop": ("Loop", "循环"),
    "dashboard.theme": ("Light or dark", "明暗切换"),
    "dashboard.token.have": ("Token is set", "令牌已设置"),
    "dashboard.token.none": ("Enter token", "输入令牌"),
    "dashboard.token.title": ("Admin token", "管理令牌"),
    "dashboard.token.about": (
        "Whoever changes something needs the admin token that this dashboard was started with. It is kept for this tab only.",
        "更改任何内容都需要启动仪表盘时设置的管理令牌。令牌只保存在此标签页中。",
    ),
    "dashboard.token.label": ("Token", "令牌"),
    "dashboard.token.forget": ("Forget it", "忘记令牌"),
    "dashboard.ok": ("OK", "确定"),
    "dashboard.cancel": ("Cancel", "取消"),
    "dashboard.back": ("Back", "返回"),
    "dashboard.do.reason": ("Why (stays in the journal)", "原因（写入日志）"),
    "dashboard.do.go": ("Do it", "执行"),
    "dashboard.away": (
        "The dashboard does not answer; what is shown may be old. It is asked again.",
        "仪表盘没有响应；所示内容可能已过时，正在重试。",
    ),
    "dashboard.no_page": ("There is no such page or model here.", "这里没有此页面或模型。"),
    "dashboard.trouble": (
        "Not to be read since {since}: {error}. What is shown is from {shown}. It is asked again.",
        "自 {since} 起无法读取：{error}。所示内容来自 {shown}，正在重试。",
    ),
    "dashboard.part_away": ("This part cannot be shown: {error}", "无法显示此部分：{error}"),
    "dashboard.failed": ("This page cannot be shown", "无法显示此页面"),
    "dashboard.failed_why": ("Something unforeseen happened; the log of the dashboard says what.", "发生了意外情况；详情见仪表盘的日志。"),
}

_FLEET: dict[str, tuple[str, str]] = {
    "dashboard.fleet.title": ("Models", "全部模型"),
    "dashboard.fleet.model": ("model", "模型"),
    "dashboard.fleet.health": ("health", "状况"),
    "dashboard.fleet.last": ("last decision", "最近的决定"),
    "dashboard.fleet.waits": ("waits for", "等待"),
    "dashboard.fleet.due": ("next due", "下次到期"),
    "dashboard.health.good": ("good", "正常"),
    "dashboard.health.look": ("look", "请查看"),
    "dashboard.health.act": ("act", "请处理"),
    "dashboard.health.unknown": ("not known yet", "尚不清楚"),
}

_LOOP: dict[str, tuple[str, str]] = {
    "dashboard.loop.title": ("The loop", "循环"),
    "dashboard.loop.serving": ("What answers", "当前应答"),
    "dashboard.loop.stages": ("The six stages", "六个阶段"),
    "dashboard.loop.stop": ("Stop the loop", "停止循环"),
    "dashboard.loop.stop_about": (
        "Nothing is promoted, rolled back or trained by the loop until it is started again. Serving, logging and alerts go on.",
        "在重新启动之前，循环不会晋升、回滚或训练任何版本。服务、记录和警报照常进行。",
    ),
    "dashboard.loop.start": ("Start the loop again", "重新启动循环"),
    "dashboard.loop.start_about": ("The loop may promote, roll back and train again.", "循环可以再次晋升、回滚和训练。"),
    "dashboard.standing.no_champion": ("no version answers yet", "尚无版本应答"),
    "dashboard.standing.no_champion_step": ("train the first one: flyball train", "训练第一个版本：flyball train"),
    "dashboard.standing.no_report": ("nothing has been measured yet", "尚未测量"),
    "dashboard.standing.no_report_step": (
        "let the loop run: flyball up (or flyball tick, again and again)",
        "让循环运行：flyball up（或定期运行 flyball tick）",
    ),
    "dashboard.standing.frozen": ("the loop was stopped: {reason}", "循环已停止：{reason}"),
    "dashboard.standing.approval": ("a person has to approve version {version}", "版本 {version} 等待人工批准"),
    "dashboard.standing.training": ("a training runs since {since}", "自 {since} 起正在训练"),
    "dashboard.standing.due": ("training at {at}, every {every}", "{at} 训练，每 {every} 一次"),
    "dashboard.standing.when": ("training when it is asked for by: {causes}", "由以下原因触发训练：{causes}"),
}

SENTENCES: dict[str, tuple[str, str]] = {**_FRAME, **_FLEET, **_LOOP}
