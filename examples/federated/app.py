# ===- app.py - A federation that tunes a ternary model --------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The Flower app: Sterna's server and client as they are, and simulated clients
that each have a part of one file of chats."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from flwr.app import Context

from sterna.federated import (
    Client,
    client_from_config,
    make_client_app,
    make_server_app,
    server_from_config,
)


def _kind(row: dict[str, Any]) -> list[str]:
    """The first word of a row's last answer, or of its text."""
    if row.get("messages"):
        return str(row["messages"][-1]["content"]).split()[:1]
    return str(row.get("completion", row.get("text", ""))).split()[:1]


def skewed_share(path: str, index: int, count: int) -> list[dict[str, Any]]:
    """Of the rows in `path`, sorted by what they begin with, the part `index` of
    `count`: each client knows few kinds of them."""
    with open(path, encoding="utf-8") as file:
        rows: list[dict[str, Any]] = [json.loads(line) for line in file if line.strip()]
    rows.sort(key=_kind)
    return rows[index * len(rows) // count : (index + 1) * len(rows) // count]


def prepare(context: Context) -> Client:
    """A real node's client, or one of a simulation."""
    if "partition-id" not in context.node_config:
        return client_from_config(context)
    index = int(context.node_config["partition-id"])
    count = int(context.node_config["num-partitions"])
    return Client(
        models=[str(context.run_config["model"])],
        data=skewed_share(str(context.run_config["data"]), index, count),
        threads=1,
    )


client = make_client_app(prepare)
server = make_server_app(partial(server_from_config, also=["data"]))
