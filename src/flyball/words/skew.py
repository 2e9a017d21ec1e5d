"""Sentences about differences between what was served and what is trained on, English and Chinese."""

SENTENCES: dict[str, tuple[str, str]] = {
    "skew.none_compared": ("{column}: no row to compare", "{column}：没有可比较的行"),
    "skew.same": ("{column} is the same in all {compared} rows", "{column} 在全部 {compared} 行中相同"),
    "skew.differs": (
        "{column} differs in {share:.2%}: {differing} of {compared} rows",
        "{column} 有 {share:.2%} 不同：{compared} 行中有 {differing} 行",
    ),
    "skew.text_served": (
        "in all {rows} of them it is the same number, served as text",
        "这 {rows} 行都是相同的数字，只是服务时为文本",
    ),
    "skew.text_training": (
        "in all {rows} of them it is the same number, text in the training data",
        "这 {rows} 行都是相同的数字，只是训练数据中为文本",
    ),
    "skew.missing_served": (
        "in all {rows} of them it was missing when it was served",
        "这 {rows} 行在服务时都缺失",
    ),
    "skew.missing_training": (
        "in all {rows} of them it is missing in the training data",
        "这 {rows} 行在训练数据中都缺失",
    ),
    "skew.missing_served_always": (
        "in all {rows} of them it was missing when it was served, where the training data has {value}",
        "这 {rows} 行在服务时都缺失，而训练数据中为 {value}",
    ),
    "skew.missing_training_always": (
        "in all {rows} of them it is missing in the training data, where {value} was served",
        "这 {rows} 行在训练数据中都缺失，而服务时为 {value}",
    ),
    "skew.always": ("in all {rows} of them the served value is {value}", "这 {rows} 行在服务时都是 {value}"),
    "skew.offset": (
        "in all {rows} of them the served value is the training value {offset:+.6g}",
        "这 {rows} 行的服务值都等于训练值 {offset:+.6g}",
    ),
    "skew.ratio": (
        "in all {rows} of them the served value is {ratio:.6g} times the training value",
        "这 {rows} 行的服务值都是训练值的 {ratio:.6g} 倍",
    ),
    "skew.rounded_served": (
        "in all {rows} of them the served value is the training value rounded to {digits} digits after the point",
        "这 {rows} 行的服务值都是训练值四舍五入到小数点后 {digits} 位",
    ),
    "skew.rounded_training": (
        "in all {rows} of them the training value is the served value rounded to {digits} digits after the point",
        "这 {rows} 行的训练值都是服务值四舍五入到小数点后 {digits} 位",
    ),
    "skew.cut_served": (
        "in all {rows} of them the served value is the training value without its fraction",
        "这 {rows} 行的服务值都是训练值去掉小数部分",
    ),
    "skew.cut_training": (
        "in all {rows} of them the training value is the served value without its fraction",
        "这 {rows} 行的训练值都是服务值去掉小数部分",
    ),
    "skew.space": (
        "in all {rows} of them only spaces around the text differ",
        "这 {rows} 行只有文本两端的空格不同",
    ),
    "skew.case": (
        "in all {rows} of them only upper and lower case differ",
        "这 {rows} 行只有大小写不同",
    ),
    "skew.case_and_space": (
        "in all {rows} of them only case and spaces around the text differ",
        "这 {rows} 行只有大小写和两端空格不同",
    ),
}
