# ===- federated.py - A deployed federation that is disturbed --------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SuperLink, SuperExec and four SuperNodes over TLS, of which a client and then
the server are killed: the adapter is that of a run in one process, to the bit.

    federated.py EXAMPLE_FOLDER MODEL.stn DATA FOLDER
"""

from __future__ import annotations

import json
import pathlib
import sys
import time
from collections.abc import Callable

sys.path.insert(0, sys.argv[1])
from deployment import Deployment, make_shares
from flwr.serverapp.strategy import FedAvg

from sterna.federated import Client, Server, simulate

MODEL, DATA, FOLDER = sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4])
CLIENTS, ROUNDS = 4, 4
OPTIONS: dict[str, float] = {"max_steps": 40, "learning_rate": 5e-3}


def wait(what: str, condition: Callable[[], bool], seconds: float = 240) -> None:
    """Until `condition` holds; fails after too long."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"{what}: not within {seconds} s; see the logs in {FOLDER}")
        time.sleep(0.01)


class Rounds:
    """The rounds that a client has begun, by what it keeps of them."""

    def __init__(self, state: pathlib.Path) -> None:
        self._path = state / "round.bin"
        self._seen: list[str] = []

    def is_within(self, number: int) -> bool:
        """Whether it is in round `number` or later, with steps to do."""
        if not self._path.exists():
            return False
        head = json.loads(self._path.read_bytes().partition(b"\n")[0])
        if head["round"] not in self._seen:
            self._seen.append(head["round"])
        return len(self._seen) >= number and head["steps"] < OPTIONS["max_steps"]


def start_client(deployment: Deployment, index: int) -> None:
    deployment.start_client(
        f"client{index}",
        {
            "model": MODEL,
            "data": str((FOLDER / f"share{index}.jsonl").resolve()),
            "state": str((FOLDER / f"state{index}").resolve()),
            "save-steps": 2,
            "threads": 1,
        },
    )


def deploy() -> None:
    """The federation with all that happens to it."""
    config = {
        "model": MODEL,
        "output": str(FOLDER.resolve()),
        "rounds": ROUNDS,
        "min-clients": CLIENTS,
        **{name.replace("_", "-"): value for name, value in OPTIONS.items()},
    }
    rounds = Rounds(FOLDER / "state0")
    kept = FOLDER / "history.json"
    with Deployment(FOLDER) as deployment:
        deployment.start_server()
        for index in range(CLIENTS):
            start_client(deployment, index)
        deployment.run(config)
        wait("round 2", lambda: rounds.is_within(2))
        deployment.kill("client0")
        start_client(deployment, 0)
        wait("round 3", lambda: len(json.loads(kept.read_bytes())) >= 2)
        for name in ("superlink", "superexec", "run"):
            deployment.kill(name)
        deployment.start_server()
        deployment.run(config)
        wait("the last round", lambda: "adapter of round" in deployment.log("run"))
        assert "going on after round" in deployment.log("run")


def check() -> None:
    """Compares with a run that nothing disturbed."""
    shares = [FOLDER / f"share{index}.jsonl" for index in range(CLIENTS)]
    strategy = FedAvg(
        fraction_evaluate=0.0,
        min_train_nodes=CLIENTS,
        min_evaluate_nodes=0,
        min_available_nodes=CLIENTS,
    )
    server = Server(MODEL, strategy, ROUNDS, FOLDER / "undisturbed", OPTIONS)
    simulate(server, [Client([MODEL], share, threads=1) for share in shares])
    name = "adapter/adapter_model.safetensors"
    one, other = (FOLDER / name, FOLDER / "undisturbed" / name)
    assert one.read_bytes() == other.read_bytes(), f"{one} and {other} differ"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    make_shares(DATA, CLIENTS, FOLDER)
    deploy()
    check()
    print("the adapters are equal")


if __name__ == "__main__":
    main()
