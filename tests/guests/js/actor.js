// An actor in JavaScript; its world is `actor-with-files` in ../speak/worlds.wit.
import { request } from 'airssys:runtime/messaging@0.1.0';
import { getDirectories } from 'wasi:filesystem/preopens@0.2.12';

const PATIENCE_MS = 10000;

export const handler = {
  handleMessage(message) {
    const text = decode(message.body);
    const colon = text.indexOf(':');
    if (colon < 0) return undefined; // Only heard.
    const argument = text.slice(colon + 1);
    switch (text.slice(0, colon)) {
      case 'echo':
        return encode(argument);
      case 'fail':
        throw argument;
      case 'read':
        return read(argument);
      case 'forward':
        return forward(argument);
      default:
        throw `unknown verb \`${text.slice(0, colon)}\``;
    }
  },
};

// A thrown value is the `err` of the function's result; the host's errors arrive the same way.
function forward(argument) {
  const equals = argument.indexOf('=');
  if (equals < 0) throw 'wanted forward:TARGET=BODY';
  try {
    return request(argument.slice(0, equals), encode(argument.slice(equals + 1)), PATIENCE_MS);
  } catch (error) {
    const { tag, val } = error?.payload ?? error;
    throw val === undefined ? String(tag) : `${tag}(${val})`;
  }
}

function read(path) {
  for (const [directory, name] of getDirectories()) {
    const base = name.endsWith('/') ? name : `${name}/`;
    if (!path.startsWith(base)) continue;
    try {
      const file = directory.openAt({ symlinkFollow: true }, path.slice(base.length), {}, { read: true });
      const [bytes] = file.read(65536, 0);
      return bytes;
    } catch (error) {
      throw String(error?.payload ?? error);
    }
  }
  throw 'no directory';
}

// QuickJS has neither TextDecoder nor TextEncoder.
function decode(bytes) {
  return decodeURIComponent([...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''));
}

function encode(text) {
  const octets = encodeURIComponent(text).match(/%..|./g) ?? [];
  return Uint8Array.from(octets, (octet) => (octet.length === 3 ? parseInt(octet.slice(1), 16) : octet.charCodeAt(0)));
}
