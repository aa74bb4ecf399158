#!/usr/bin/env python3
# ===- federated.py - Federations measured and projected -------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Losses, bytes and seconds of federated tuning.

  federated.py MODEL.stn CHATS.jsonl [--only=deployed,scaling,projection]

deployed    four clients as processes over TLS, each with few kinds of answers,
            ten rounds of 20 steps: held-out loss by round for each wire type,
            beside one machine with all rows; the bytes that pass between clients
            and server, counted on the way.
scaling     4 to 64 clients in this process: seconds and bytes of a round.
projection  rounds of up to a million clients, from the bytes and seconds that
            were measured and speeds of links and devices that are assumed.

Writes results/federated.json and results/federated.md. Python is one with the
package sterna[federated].
"""

import argparse
import json
import logging
import pathlib
import random
import socket
import sys
import tempfile
import threading
import time
import warnings

import numpy as np
from flwr.serverapp.strategy import FedAvg

import sterna
from sterna.federated import Client, Server, wire
from sterna.federated.binary import Binary
from sterna.federated.local import LocalGrid
from sterna.federated.server import run

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "examples" / "federated"))
from deployment import Deployment, make_shares  # noqa: E402

STEPS, ROUNDS, RATE = 20, 10, 2e-3


class CountingProxy:
    """Passes connections on to a port of the loopback and counts their bytes."""

    def __init__(self, target):
        self.up = self.down = 0
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            client, _ = self._server.accept()
            server = socket.create_connection(("127.0.0.1", self._target))
            for ends in ((client, server, "up"), (server, client, "down")):
                threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, source, target, direction):
        try:
            while data := source.recv(1 << 16):
                setattr(self, direction, getattr(self, direction) + len(data))
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other end is gone


def split(data, folder):
    """Writes nine tenths of the chats, and the rest, which is held out."""
    with open(data, encoding="utf-8") as file:
        lines = file.readlines()
    random.Random(0).shuffle(lines)
    held = len(lines) // 10
    for name, part in (("held.jsonl", lines[:held]), ("train.jsonl", lines[held:])):
        (folder / name).write_text("".join(part))
    return folder / "train.jsonl", folder / "held.jsonl"


def one_machine(model, train, held, steps):
    """Held-out loss of a run on all rows."""
    history = sterna.load(model).train(
        str(train), validation=str(held), max_steps=steps, learning_rate=RATE
    )
    return history.validation_loss


def deploy(model, train, held, wire_type, folder):
    """Losses by round, and bytes by round of all clients."""
    with Deployment(folder) as deployment:
        deployment.start_server()
        proxy = CountingProxy(deployment.port)
        for index, share in enumerate(make_shares(train, 4, folder)):
            config = {"model": model, "data": str(share), "threads": 1}
            deployment.start_client(f"client{index}", config, proxy.port)
        deployment.run({
            "model": model, "output": str(folder), "validation": str(held),
            "rounds": ROUNDS, "max-steps": STEPS, "learning-rate": RATE,
            "wire-type": wire_type,
        })
        history, marks = folder / "history.json", []
        while "adapter of round" not in deployment.log("run"):
            done = len(json.loads(history.read_bytes())) if history.exists() else 0
            if done > len(marks):
                marks.append((proxy.up, proxy.down))
            time.sleep(0.05)
    # The first round also installs the app; between marks are whole rounds.
    rounds = len(marks) - 2
    up, down = ((marks[-1][i] - marks[1][i]) / rounds for i in range(2))
    losses = [each["validation-loss"] for each in json.loads(history.read_bytes())]
    return {"losses": losses, "up": up, "down": down}


def measure_deployed(arguments, folder):
    train, held = split(arguments.data, folder)
    size = adapter_bytes(arguments.model)
    result = {"adapter_bytes": size, "wire": {}}
    for name, steps in (("equal_steps", ROUNDS * STEPS),
                        ("all_steps", 4 * ROUNDS * STEPS)):
        result[name] = one_machine(arguments.model, train, held, steps)
    for wire_type in wire.WIRE_TYPES:
        part = folder / wire_type
        result["wire"][wire_type] = deploy(arguments.model, train, held, wire_type,
                                           part)
        each = result["wire"][wire_type]
        print(f"deployed {wire_type}: held-out loss {each['losses'][-1]:.4f}, "
              f"up {each['up'] / 4 / size:.3f}, down {each['down'] / 4 / size:.3f} "
              "of the adapter in f32 a client and round")
    return result


def fresh(model):
    return dict(Binary.open(model).fresh_adapter(16.0, 42).matrices())


def adapter_bytes(model):
    return sum(each.nbytes for each in fresh(model).values())


def strategy(clients):
    return FedAvg(fraction_evaluate=0.0, min_train_nodes=clients,
                  min_evaluate_nodes=0, min_available_nodes=clients)


def measure_scaling(arguments, folder):
    train, held = split(arguments.data, folder)
    rows = []
    for count in (4, 8, 16, 32, 64):
        shares = make_shares(train, count, folder)
        grid = LocalGrid([Client([arguments.model], str(share)) for share in shares])
        output = folder / f"scaling{count}"
        server = Server(arguments.model, strategy(count), ROUNDS, output,
                        {"max_steps": STEPS, "learning_rate": RATE},
                        validation=str(held), min_clients=count)
        begin = time.perf_counter()
        history = run(server, grid)
        seconds = (time.perf_counter() - begin) / ROUNDS
        trained = sum(each.get("seconds", 0) for each in history) / ROUNDS * count
        rows.append({
            "clients": count, "seconds": seconds, "training_seconds": trained,
            "bytes": (grid.bytes_up + grid.bytes_down) / ROUNDS,
            "loss": history[-1]["validation-loss"],
        })
        print(f"scaling: {rows[-1]}")
    return rows


def measure_server(model):
    """Seconds that the server spends for a client's reply, and the bytes."""
    sent = fresh(model)
    layout = wire.Layout.of(sent)
    trained = {name: each + np.float32(1e-3) for name, each in sent.items()}
    record, rank = wire.encode_update(layout, trained, sent, "int8")
    total = {name: np.zeros_like(each) for name, each in sent.items()}
    begin, count = time.perf_counter(), 200
    for _ in range(count):
        got = wire.decode_update(layout, record, rank, "int8", sent)
        for name, each in got.items():
            total[name] += each * 0.5
    return (time.perf_counter() - begin) / count, record.count_bytes()


def project(arguments, _):
    """A round of 10^2 to 10^6 clients, with int8 adapters."""
    seconds, size = measure_server(arguments.model)
    numbers = np.random.default_rng(0)
    rows = []
    for count in (100, 1_000, 10_000, 100_000, 1_000_000):
        # Medians: 40 and 10 Mbit/s, 30 s of training; each client's by chance.
        down = size * 8 / numbers.lognormal(np.log(40e6), 0.8, count)
        up = size * 8 / numbers.lognormal(np.log(10e6), 0.8, count)
        device = numbers.lognormal(np.log(30), 0.6, count)
        times = np.sort(down + device + up)
        alive = times[: int(count * 0.95)]  # one of twenty goes away
        rows.append({
            "clients": count,
            "gigabytes": 2 * count * size / 1e9,
            "link_seconds": count * size * 8 / 10e9,
            "server_seconds": count * seconds,
            "last_client_seconds": float(alive[-1]),
            "nine_tenths_seconds": float(times[int(count * 0.9) - 1]),
        })
    return {"server_seconds": seconds, "record_bytes": size, "rows": rows}


def write_report(results, path):
    """Markdown with all that was measured."""
    lines = ["# Federated tuning, measured", "",
             f"Model: {results['model']}. `benchmarks/federated.py`.", ""]
    if "deployed" in results:
        deployed = results["deployed"]
        size = deployed["adapter_bytes"]
        lines += [
            f"Four clients with few kinds of answers each, {ROUNDS} rounds of {STEPS} "
            f"steps at {RATE}; the adapter has {size} bytes in f32. Held-out loss of "
            f"one machine with all rows: {deployed['equal_steps']:.4f} after "
            f"{ROUNDS * STEPS} steps, {deployed['all_steps']:.4f} after "
            f"{4 * ROUNDS * STEPS}.", "",
            "| wire type | held-out loss, first | last | bytes up a client and round | "
            "of the adapter | down | of the adapter |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, each in deployed["wire"].items():
            up, down = each["up"] / 4, each["down"] / 4
            lines.append(
                f"| {name} | {each['losses'][0]:.4f} | {each['losses'][-1]:.4f} | "
                f"{up:.0f} | {up / size:.3f} | {down:.0f} | {down / size:.3f} |"
            )
    if "scaling" in results:
        lines += ["", "Clients in one process, one after another:", "",
                  "| clients | round s | of it training s | MB | held-out loss |",
                  "|---|---|---|---|---|"]
        for each in results["scaling"]:
            lines.append(
                f"| {each['clients']} | {each['seconds']:.2f} | "
                f"{each['training_seconds']:.2f} | {each['bytes'] / 1e6:.1f} | "
                f"{each['loss']:.4f} |"
            )
    if "projection" in results:
        projection = results["projection"]
        lines += [
            "", f"Projected, int8: a reply of {projection['record_bytes']} bytes takes "
            f"the server {projection['server_seconds'] * 1e3:.2f} ms on one core.", "",
            "| clients | GB | s of a 10 Gbit/s link, each way | s of one core | s to "
            "the last client | s to nine of ten |",
            "|---|---|---|---|---|---|",
        ]
        for each in projection["rows"]:
            lines.append(
                f"| {each['clients']} | {each['gigabytes']:.2f} | "
                f"{each['link_seconds']:.2f} | {each['server_seconds']:.1f} | "
                f"{each['last_client_seconds']:.0f} | "
                f"{each['nine_tenths_seconds']:.0f} |"
            )
    path.write_text("\n".join(lines) + "\n")


PARTS = {"deployed": measure_deployed, "scaling": measure_scaling,
         "projection": project}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--only", default=",".join(PARTS))
    arguments = parser.parse_args()
    arguments.model = str(pathlib.Path(arguments.model).resolve())
    warnings.simplefilter("ignore")  # rows that are cut
    logging.getLogger("flwr").setLevel(logging.WARNING)
    target = HERE / "results" / "federated.json"
    # What is not measured now stays as it was.
    results = json.loads(target.read_bytes()) if target.exists() else {}
    results["model"] = sterna.load(arguments.model).info["model"]
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only.split(","):
            results[name] = PARTS[name](arguments, pathlib.Path(folder))
            target.write_text(json.dumps(results, indent=1) + "\n")
            write_report(results, target.with_suffix(".md"))
    print(target.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()
