"""Sentences of references that people make: which version has which reference, since when and from what."""

SENTENCES: dict[str, tuple[str, str]] = {
    "event.referenced": (
        "version {version} is compared with {rows} rows of {source} from now on (bundle {bundle})",
        "版本 {version} 此后与 {source} 的 {rows} 行数据比较（模型包 {bundle}）",
    ),
}
