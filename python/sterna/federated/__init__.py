# ===- __init__.py - Federated tuning on Flower ----------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""LoRA tuning over many machines whose rows stay where they are, on Flower.

A client trains the adapter on its own rows with the compiled step, and sends the
adapter; a server averages adapters. `server_app` and `client_app` are complete
Flower apps that take all they need from the configuration of the run and of the
node (docs/federated.md); `make_server_app` and `make_client_app` make apps of
functions of one's own; `simulate` runs a federation within this process.
"""

from .client import Client, client_from_config, make_client_app
from .local import simulate
from .server import Server, make_server_app, server_from_config

client_app = make_client_app(client_from_config)
server_app = make_server_app(server_from_config)

__all__ = [
    "Client",
    "Server",
    "client_app",
    "client_from_config",
    "make_client_app",
    "make_server_app",
    "server_app",
    "server_from_config",
    "simulate",
]
