# ===- federated_simulation.py - Clients that Ray runs ---------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The example in Flower's simulation, in processes of Ray: the adapter is that of
a federation in this process, to the bit.

    federated_simulation.py EXAMPLE_FOLDER MODEL.stn DATA FOLDER
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, sys.argv[1])
from app import skewed_share
from deployment import free_port, make_environment
from flwr.serverapp.strategy import FedAvg

from sterna.federated import Client, Server, simulate

EXAMPLE, MODEL, DATA = sys.argv[1:4]
FOLDER = pathlib.Path(sys.argv[4]).resolve()
CLIENTS, ROUNDS = 4, 3
OPTIONS = {"max_steps": 5, "learning_rate": 5e-3}


def run_flower():
    """`flwr run` on a SuperLink that simulates."""
    port = free_port()
    (FOLDER / "home").mkdir(parents=True, exist_ok=True)
    (FOLDER / "home" / "config.toml").write_text(
        f'[superlink.simulation]\naddress = "127.0.0.1:{port}"\ninsecure = true\n'
        f"options.num-supernodes = {CLIENTS}\n"
    )
    commands = pathlib.Path(sys.executable).parent
    environment = make_environment(FOLDER / "home")
    config = {
        "model": MODEL, "data": DATA, "output": str(FOLDER), "rounds": ROUNDS,
        "min-clients": CLIENTS,
        **{name.replace("_", "-"): value for name, value in OPTIONS.items()},
    }
    words = " ".join(f"{key}={json.dumps(value)}" for key, value in config.items())
    with open(FOLDER / "superlink.log", "wb") as log:
        link = subprocess.Popen(
            [commands / "flower-superlink", "--simulation", "--insecure",
             "--port", str(port), "--disable-runtime-dependency-installation"],
            stdout=log, stderr=log, env=environment, start_new_session=True,
        )
    try:
        time.sleep(10)
        subprocess.run(
            [commands / "flwr", "run", EXAMPLE, "simulation", "--stream",
             "--run-config", words],
            env=environment, check=True, timeout=600,
        )
    finally:
        os.killpg(link.pid, signal.SIGKILL)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    run_flower()
    strategy = FedAvg(fraction_evaluate=0.0, min_train_nodes=CLIENTS,
                      min_evaluate_nodes=0, min_available_nodes=CLIENTS)
    server = Server(MODEL, strategy, ROUNDS, FOLDER / "here", OPTIONS)
    clients = [Client([MODEL], skewed_share(DATA, index, CLIENTS))
               for index in range(CLIENTS)]
    simulate(server, clients)
    name = "adapter/adapter_model.safetensors"
    one, other = FOLDER / name, FOLDER / "here" / name
    assert one.read_bytes() == other.read_bytes(), f"{one} and {other} differ"
    print("the adapters are equal")


if __name__ == "__main__":
    main()
