#!/usr/bin/env python3
# ===- gone_reader.py - Run a command whose output nobody reads -----------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Run a command with a pipe as standard output whose reading end is closed.

  gone_reader.py COMMAND [ARGUMENT ...]

Its exit status is the command's, 2 where a signal ended it.
"""

import os
import subprocess
import sys

reading, writing = os.pipe()
os.close(reading)
status = subprocess.run(sys.argv[1:], stdout=writing).returncode
sys.exit(status if status >= 0 else 2)
