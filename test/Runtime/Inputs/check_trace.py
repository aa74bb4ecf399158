#!/usr/bin/env python3
# ===- check_trace.py - Facts that every profile must satisfy -------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Times differ from run to run; how events lie to each other does not.
# ===----------------------------------------------------------------------=== #
"""Check a trace and a table that sterna-run --profile wrote.

  check_trace.py INFO TRACE --threads N [--runs PROGRAM=COUNT,...] [--busy]
                 --table LOG

INFO is what `sterna-run info --json` printed of the module. --runs says how
often programs ran; --busy that kernels take much of the time, as they do where
a thread waits for no other. Exit status 1 with the first fact that does not
hold.
"""

import argparse
import collections
import json
import re


def nanoseconds(value):
    return round(value * 1000)


def check_nesting(events):
    """Events of one thread are apart or lie in each other."""
    spans = [
        (nanoseconds(e["ts"]), nanoseconds(e["ts"]) + nanoseconds(e["dur"]), e)
        for e in events
    ]
    open_spans = []
    for begin, end, event in sorted(spans, key=lambda s: (s[0], -s[1])):
        assert begin >= 0 and end >= begin, event
        while open_spans and open_spans[-1][0] <= begin:
            open_spans.pop()
        if open_spans:
            assert end <= open_spans[-1][0], (event, open_spans[-1][1])
        if event["cat"] == "program":
            open_spans.append((end, event))
        # A kernel or a wait holds nothing, so that the next must not overlap.
        elif end > begin:
            assert open_spans and open_spans[-1][1]["cat"] == "program", event
            open_spans.append((end, event))


def check_sums(events, busy):
    """Kernels and waits fill the time of their runs, but for the loop."""
    total = collections.Counter()
    for event in events:
        total[event["cat"]] += event["dur"]
    covered = total["kernel"] + total["wait"]
    assert total["kernel"] > (0.3 * total["program"] if busy else 0), total
    assert 0.5 * total["program"] <= covered <= 1.0001 * total["program"], total


def check_counts(events, info, threads, wanted):
    programs = {p["name"]: p for p in info["programs"]}
    runs = collections.Counter()
    kernels = collections.defaultdict(set)
    for event in events:
        if event["cat"] == "program":
            runs[event["name"]] += 1
        elif event["cat"] == "kernel":
            # Of a dispatch each thread has one event at most.
            args = event["args"]
            place = args["run"], args["dispatch"]
            kernels[args["program"], event["name"]].add(place)
    assert runs, "no run"
    for name, count in wanted.items():
        assert count == runs[name] / threads, (name, runs[name], threads)
    for name, count in runs.items():
        assert count % threads == 0, name
        for kernel in programs[name]["kernels"]:
            got = len(kernels[name, kernel["name"]])
            want = kernel["dispatches"] * count // threads
            assert got == want, (name, kernel["name"], got, want)
    return sum(map(len, kernels.values()))


def check_workgroups(events):
    """The threads' shares of a dispatch are all of its workgroups."""
    shares = collections.Counter()
    grids = {}
    for event in events:
        if event["cat"] == "kernel":
            args = event["args"]
            key = args["run"], args["dispatch"]
            shares[key] += args["workgroups"]
            grids[key] = args["grid"]
            assert args["tier"] in ("tuned", "portable"), event
    assert shares == collections.Counter(grids), "shares"


def check_table(path, events, threads, dispatches):
    """The table has the trace's kernels, sorted, and the trace's sums."""
    row = re.compile(r"^(\S+) +(\d+) +([0-9.]+) +([0-9.]+)% ")
    with open(path) as lines:
        rows = [m.groups() for m in map(row.match, lines) if m]
    name, calls, total, share = rows.pop()
    assert name == "all" and int(calls) == dispatches and share == "100.0", name
    times = [float(r[2]) for r in rows]
    assert times == sorted(times, reverse=True), "order"
    assert abs(sum(times) - float(total)) < 0.001 * (len(rows) + 1), "sum"
    wall = sum(e["dur"] for e in events if e["cat"] == "program")
    assert abs(float(total) - wall / 1000 / threads) < 0.01, (total, wall)
    names = {e["name"] for e in events if e["cat"] == "kernel"}
    assert {r[0] for r in rows} - {"(waiting)"} == names, "names"
    assert abs(sum(float(r[3]) for r in rows) - 100) < 0.06 * len(rows), "share"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("info")
    parser.add_argument("trace")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--runs", default="")
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--table", required=True)
    arguments = parser.parse_args()
    with open(arguments.info) as file:
        info = json.load(file)
    with open(arguments.trace) as file:
        trace = json.load(file)
    assert trace["otherData"]["dropped_runs"] == 0
    events = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    pairs = [p.split("=") for p in arguments.runs.split(",") if p]
    wanted = {name: int(count) for name, count in pairs}
    threads = {e["tid"] for e in events}
    assert threads == set(range(arguments.threads)), threads
    for thread in threads:
        check_nesting([e for e in events if e["tid"] == thread])
    check_sums(events, arguments.busy)
    dispatches = check_counts(events, info, arguments.threads, wanted)
    check_workgroups(events)
    check_table(arguments.table, events, arguments.threads, dispatches)


if __name__ == "__main__":
    main()
