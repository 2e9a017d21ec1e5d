"""What is compiled: the tree kernel, a hash, and counting. Optional: without a compiler the package installs and answers in other ways."""

import sys
import sysconfig

from setuptools import Extension, setup

# One build for Python 3.11 and every later one; a free-threaded Python has no stable ABI to build against.
STABLE = not sysconfig.get_config_var("Py_GIL_DISABLED")
# -fno-math-errno lets the compiler use plain instructions for fabs and isnan; nothing that changes a result is switched on.
FLAGS = ["/O2"] if sys.platform == "win32" else ["-O3", "-std=c11", "-fno-math-errno"]

PARTS = {
    "flyball.adapters.trees._kernel": "src/flyball/adapters/trees/_kernel.c",
    "flyball.stats._bins": "src/flyball/stats/_bins.c",
    "flyball.stats._fnv": "src/flyball/stats/_fnv.c",
}

setup(
    ext_modules=[
        Extension(
            name,
            [source],
            define_macros=[("Py_LIMITED_API", "0x030B0000")] if STABLE else [],
            py_limited_api=STABLE,
            extra_compile_args=FLAGS,
            optional=True,
        )
        for name, source in PARTS.items()
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE else {},
)
