"""The errand in Python, by Python's own library; its world is `errand-with-a-library` in ../errand/errand.wit."""

import os
import secrets
import socket
import sys
import time

from wit_world import exports


class Run(exports.Run):
    def run(self) -> None:
        print(f"greeting: {os.environ.get('SHOWN', '')}")
        *paths, address = sys.argv[1:]
        for path in paths:
            print(f"{path}: {contents(path)}")
        if time.time() > 946684800:  # After the year 2000.
            print("clock: ok")
        if secrets.token_bytes(8) != secrets.token_bytes(8):
            print("random: ok")
        print(f"server: {tell(address)}")
        sys.stdout.flush()


def contents(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().rstrip("\n")
    except OSError:
        return "refused"


def tell(address: str) -> str:
    host, _, port = address.rpartition(":")
    try:
        with socket.socket() as server:
            server.connect((host, int(port)))
            server.sendall(b"errand\n")
            return server.recv(64).decode().rstrip("\n")
    except OSError:
        return "refused"
