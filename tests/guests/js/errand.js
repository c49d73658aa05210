// The errand in JavaScript; its world is `errand` in ../errand/errand.wit.
import { getArguments, getEnvironment } from 'wasi:cli/environment@0.2.12';
import { getStdout } from 'wasi:cli/stdout@0.2.12';
import { now } from 'wasi:clocks/wall-clock@0.2.12';
import { getDirectories } from 'wasi:filesystem/preopens@0.2.12';
import { getRandomU64 } from 'wasi:random/random@0.2.12';

export const run = {
  run() {
    const out = getStdout();
    const say = (line) => out.blockingWriteAndFlush(encode(`${line}\n`));
    const greeting = getEnvironment().find(([name]) => name === 'SHOWN');
    say(`greeting: ${greeting ? greeting[1] : ''}`);
    for (const path of getArguments().slice(1)) say(`${path}: ${contents(path)}`);
    if (Number(now().seconds) > 946684800) say('clock: ok'); // After the year 2000.
    if (getRandomU64() !== getRandomU64()) say('random: ok');
  },
};

function contents(path) {
  for (const [directory, name] of getDirectories()) {
    if (!path.startsWith(`${name}/`)) continue;
    try {
      const file = directory.openAt({ symlinkFollow: true }, path.slice(name.length + 1), {}, { read: true });
      const [bytes] = file.read(4096, 0);
      return String.fromCharCode(...bytes).trimEnd();
    } catch {
      break;
    }
  }
  return 'refused';
}

// QuickJS has no TextEncoder; the errand's texts are ASCII.
function encode(text) {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
