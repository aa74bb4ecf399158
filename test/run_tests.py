#!/usr/bin/env python3
# ===- run_tests.py - Run every test and account for the skipped ones -----=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# One run of lit over all suites, then what lit does not do: it prints why each
# test was skipped and fails when a skip is not in expected-skips.txt.
# ===----------------------------------------------------------------------=== #
"""Run the tests of a build.

  run_tests.py BUILD [--full=PYTHON] [LIT ARGUMENT ...]

--full adds the tests of test/Full, heavy oracles and long runs; PYTHON is one
that has PyTorch. Figures that they measure are printed at the end.

LIT ARGUMENTs are passed on, such as --filter=Integration or -v. The results
are written to BUILD/test-results.xml. The last line counts tests: passed,
failed and, if there are any, skipped. Exit status 1 when a test failed or was
skipped unexpectedly.
"""

import argparse
import fnmatch
import glob
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

SOURCE = os.path.dirname(os.path.abspath(__file__))


def expected_skips():
    """(pattern, reason) of each line `PATTERN: REASON` of the list."""
    skips = []
    with open(os.path.join(SOURCE, "expected-skips.txt")) as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            pattern, colon, reason = line.partition(": ")
            if not colon or not reason:
                sys.exit(
                    f"error: expected-skips.txt:{number}: "
                    f"expected 'PATTERN: REASON', but got '{line}'"
                )
            skips.append((pattern, reason.strip()))
    return skips


def build_setting(build, name):
    """Value of a variable in the build's CMake cache."""
    cache = os.path.join(build, "CMakeCache.txt")
    if os.path.exists(cache):
        with open(cache) as lines:
            for line in lines:
                if line.startswith(name + ":"):
                    return line.split("=", 1)[1].strip()
    sys.exit(f"error: no {name} in {cache}: build with ./bootstrap build first")


def run_lit(build, results, full, arguments):
    """Runs lit over all suites and returns its exit status."""
    if os.path.exists(results):
        os.remove(results)
    command = [sys.executable, build_setting(build, "STERNA_LIT")]
    # At most as many tests at once as there are processors, each of which
    # has its own threads: more would only make times depend on luck.
    command += [f"-j{os.cpu_count()}", "-v", "--time-tests"]
    command += [f"--timeout={3600 if full else 600}"]
    if full:
        command.append(f"--param=full={full}")
    command += [f"--xunit-xml-output={results}", *arguments]
    suites = ["test", "test/unit", "examples/pass-plugin/test"]
    command += [os.path.join(build, suite) for suite in suites]
    return subprocess.run(command).returncode


def read_results(results):
    """Names of the tests that passed and failed; (name, reason) of skipped."""
    passed, failed, skipped = [], [], []
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        # The class name is the suite's name, then the folders.
        suite, _, folders = case.get("classname").partition(".")
        name = case.get("name")
        folders = folders.replace(".", "/")
        # Unit tests stand in the folder ".", which lit reports as "_".
        folders = folders[2:] if folders.startswith("_/") else folders
        if folders and folders != suite:
            name = f"{folders}/{name}"
        if case.find("failure") is not None:
            failed.append(name)
        elif case.find("skipped") is not None:
            message = case.find("skipped").get("message")
            if not message.startswith("Test not selected"):
                skipped.append((name, message))
        else:
            passed.append(name)
    return passed, failed, skipped


def report_skips(skipped):
    """Prints each skip; returns the names of those that nobody expected."""
    unexpected, listed = [], expected_skips()
    if skipped:
        print(f"\nSkipped tests ({len(skipped)}):")
    for name, message in sorted(skipped):
        reasons = [r for p, r in listed if fnmatch.fnmatchcase(name, p)]
        if reasons:
            print(f"  {name}: {reasons[0]}")
        else:
            print(f"  {name}: UNEXPECTED ({message})")
            unexpected.append(name)
    return unexpected


def figures_of(build):
    """Files in which tests have left what they measured."""
    return sorted(glob.glob(f"{build}/test/Full/Output/*.figures"))


def print_figures(build):
    """Prints what the tests of test/Full have measured."""
    for path in figures_of(build):
        name = os.path.basename(path).removesuffix(".test.tmp.figures")
        print(f"\n{name}:")
        with open(path) as lines:
            print("".join(f"  {line}" for line in lines), end="")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("build")
    parser.add_argument("--full", metavar="PYTHON")
    arguments, lit_arguments = parser.parse_known_args()
    build = os.path.abspath(arguments.build)
    results = os.path.join(build, "test-results.xml")
    for path in figures_of(build):
        os.remove(path)
    status = run_lit(build, results, arguments.full, lit_arguments)
    if not os.path.exists(results):
        sys.exit("error: lit wrote no results")
    passed, failed, skipped = read_results(results)
    if arguments.full:
        print_figures(build)
    unexpected = report_skips(skipped)
    if unexpected:
        print(
            "\nerror: tests were skipped that test/expected-skips.txt does "
            "not list: make them run, or list them with the reason"
        )
    # An unexpected skip is a failure, and counts as one.
    failures = len(failed) + len(unexpected)
    if status != 0 and failures == 0:
        print(f"\nerror: lit failed with exit status {status}")
        failures = 1
    skips = len(skipped) - len(unexpected)
    print(f"\nresults: {results}")
    print(
        f"{len(passed)} passed, {failures} failed"
        + (f", {skips} skipped" if skips else "")
    )
    sys.exit(int(failures != 0))


if __name__ == "__main__":
    main()
