"""process-data in Python; its world is ../wit/world.wit."""

import wit_world
from componentize_py_types import Err
from wit_world.imports import preopens
from wit_world.imports.types import DescriptorFlags, OpenFlags, PathFlags


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
    for directory, name in preopens.get_directories():
        base = name.rstrip("/") + "/"
        if not path.startswith(base):
            continue
        try:
            flags = PathFlags.SYMLINK_FOLLOW
            with directory.open_at(flags, path.removeprefix(base), OpenFlags(0), DescriptorFlags.READ) as file:
                return file.read(65536, 0)[0]
        except Err as error:
            # `ErrorCode.NO_ENTRY` becomes `no-entry`, as the interface spells it.
            raise Err(error.value.name.lower().replace("_", "-"))
    raise Err("no directory")
