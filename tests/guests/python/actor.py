"""An actor in Python; its world is `actor` in ../speak/worlds.wit."""

from typing import Optional

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import messaging
from wit_world.imports.types import Message

PATIENCE_MS = 10_000


class Handler(exports.Handler):
    def handle_message(self, message: Message) -> Optional[bytes]:
        verb, colon, argument = message.body.decode().partition(":")
        if not colon:
            return None  # Only heard.
        match verb:
            case "echo":
                return argument.encode()
            case "fail":
                raise Err(argument)
            case "read":
                return read(argument)
            case "forward":
                return forward(argument)
            case _:
                raise Err(f"unknown verb `{verb}`")


def forward(argument: str) -> bytes:
    to, equals, body = argument.partition("=")
    if not equals:
        raise Err("wanted forward:TARGET=BODY")
    try:
        return messaging.request(to, body.encode(), PATIENCE_MS)
    except Err as error:
        raise Err(told(error.value))


def told(error) -> str:
    """`Error_TooLarge(5)` is `too-large(5)` in the interface."""
    name = type(error).__name__.removeprefix("Error_")
    name = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
    return f"{name}({error.value})" if hasattr(error, "value") else name


def read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Err(f"{type(error).__name__}: {error.strerror}")
