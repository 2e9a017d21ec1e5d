"""The one part that is compiled: the tree kernel. Optional: without a compiler the package installs and answers through ONNX Runtime."""

import sys
import sysconfig

from setuptools import Extension, setup

# One build for Python 3.11 and every later one; a free-threaded Python has no stable ABI to build against.
STABLE = not sysconfig.get_config_var("Py_GIL_DISABLED")
# -fno-math-errno lets the compiler use plain instructions for fabs and isnan; nothing that changes a result is switched on.
FLAGS = ["/O2"] if sys.platform == "win32" else ["-O3", "-std=c11", "-fno-math-errno"]

setup(
    ext_modules=[
        Extension(
            "flyball.adapters.trees._kernel",
            ["src/flyball/adapters/trees/_kernel.c"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")] if STABLE else [],
            py_limited_api=STABLE,
            extra_compile_args=FLAGS,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE else {},
)
