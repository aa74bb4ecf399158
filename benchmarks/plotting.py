# ===- plotting.py - matplotlib, where it is installed --------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What the benchmarks that draw have in common.
# ===----------------------------------------------------------------------=== #


def load_pyplot():
    """matplotlib.pyplot for files alone; None, said aloud, without it."""
    try:
        import matplotlib
    except ImportError:
        print("skipped: the plot, because matplotlib is not installed")
        return None
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "sterna"  # the same file every time
    from matplotlib import pyplot

    return pyplot


def save(figure, path):
    """Writes the figure without a date: the same file every time."""
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
