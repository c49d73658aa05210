// process-data in JavaScript; its world is `process-with-files` in ../wit/world.wit.
import { getDirectories } from 'wasi:filesystem/preopens@0.2.3';

export function processData(input) {
  const text = decode(input);
  const colon = text.indexOf(':');
  const argument = text.slice(colon + 1);
  switch (text.slice(0, colon)) {
    case 'echo':
      return encode(argument);
    case 'fail':
      throw argument;
    case 'read':
      return read(argument);
    default:
      throw `unknown input \`${text}\``;
  }
}

// A thrown value is the `err` of the function's result; the host's error codes arrive the same way.
function read(path) {
  for (const [directory, name] of getDirectories()) {
    const base = name.endsWith('/') ? name : `${name}/`;
    if (!path.startsWith(base)) continue;
    try {
      const file = directory.openAt({ symlinkFollow: true }, path.slice(base.length), {}, { read: true });
      // componentize-qjs takes a u64 as a number.
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
