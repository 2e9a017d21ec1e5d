"""What a server needs of all that Flyball installs: the ranges are those of the package itself."""

REQUIREMENTS = (
    "numpy>=2.0",
    "scipy>=1.14",  # the admin routes reckon how a comparison stands
    "msgspec>=0.20",
    "click>=8.1.8",
    "rich>=13.9",
    "rfc8785>=0.1.4",
    "uvicorn>=0.35",
    "uvloop>=0.21; sys_platform != 'win32'",
    "httptools>=0.6.4",
    "httpx>=0.28",
    "onnxruntime>=1.20",
    "psycopg[binary]>=3.2",
)
