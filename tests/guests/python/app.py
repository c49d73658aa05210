"""process-data in Python; its world is `process` in ../wit/world.wit."""

import wit_world
from componentize_py_types import Err


class WitWorld(wit_world.WitWorld):
    def process_data(self, input: bytes) -> bytes:
        verb, _, argument = input.decode().partition(":")
        match verb:
            case "echo":
                return argument.encode()
            case "fail":
                raise Err(argument)
            case "read":
                return read(argument)
            case _:
                raise Err(f"unknown input `{verb}`")


def read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Err(f"{type(error).__name__}: {error.strerror}")
