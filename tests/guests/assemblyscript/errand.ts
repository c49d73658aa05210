// The errand in AssemblyScript; its world is `errand` in ../errand/errand.wit. AssemblyScript has no bindings for
// components, so this is the canonical ABI by hand: what a function returns lies where its last argument points.

// @ts-ignore: decorator
@external("wasi:cli/environment@0.2.12", "get-environment")
declare function getEnvironment(result: usize): void;
// @ts-ignore: decorator
@external("wasi:cli/environment@0.2.12", "get-arguments")
declare function getArguments(result: usize): void;
// @ts-ignore: decorator
@external("wasi:cli/stdout@0.2.12", "get-stdout")
declare function getStdout(): i32;
// @ts-ignore: decorator
@external("wasi:io/streams@0.2.12", "[method]output-stream.blocking-write-and-flush")
declare function write(stream: i32, bytes: usize, size: usize, result: usize): void;
// @ts-ignore: decorator
@external("wasi:clocks/wall-clock@0.2.12", "now")
declare function now(result: usize): void;
// @ts-ignore: decorator
@external("wasi:random/random@0.2.12", "get-random-u64")
declare function random(): u64;
// @ts-ignore: decorator
@external("wasi:filesystem/preopens@0.2.12", "get-directories")
declare function getDirectories(result: usize): void;
// @ts-ignore: decorator
@external("wasi:filesystem/types@0.2.12", "[method]descriptor.open-at")
declare function openAt(
  self: i32, follow: i32, path: usize, size: usize, how: i32, rights: i32, result: usize): void;
// @ts-ignore: decorator
@external("wasi:filesystem/types@0.2.12", "[method]descriptor.read")
declare function read(self: i32, size: u64, offset: u64, result: usize): void;

const RIGHT_TO_READ = 1;
const FOLLOW = 1;

let stdout = 0;
let failed = 0;

// The host makes here what it hands over. Nothing is freed: the program is short.
export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  return heap.alloc(size);
}

function text(at: usize): string {
  return String.UTF8.decodeUnsafe(load<usize>(at), load<usize>(at, 4));
}

function say(line: string): void {
  const bytes = String.UTF8.encode(line);
  const result = heap.alloc(12);
  write(stdout, changetype<usize>(bytes), bytes.byteLength, result);
  failed |= load<u8>(result);
}

function greeting(): string {
  const list = heap.alloc(8);
  getEnvironment(list);
  const variables = load<usize>(list);
  for (let i: usize = 0; i < load<usize>(list, 4); i++)
    if (text(variables + 16 * i) == "SHOWN") return text(variables + 16 * i + 8);
  return "";
}

function contents(path: string): string {
  const list = heap.alloc(8);
  getDirectories(list);
  const directories = load<usize>(list);
  for (let i: usize = 0; i < load<usize>(list, 4); i++) {
    const base = text(directories + 12 * i + 4) + "/";
    if (!path.startsWith(base)) continue;
    const name = String.UTF8.encode(path.slice(base.length));
    const opened = heap.alloc(8);
    openAt(load<i32>(directories + 12 * i), FOLLOW, changetype<usize>(name), name.byteLength, 0, RIGHT_TO_READ, opened);
    if (load<u8>(opened)) break;
    const bytes = heap.alloc(16);
    read(load<i32>(opened, 4), 4096, 0, bytes);
    if (load<u8>(bytes)) break;
    return text(bytes + 4);
  }
  return "refused\n";
}

export function run(): i32 {
  stdout = getStdout();
  say("greeting: " + greeting() + "\n");
  const list = heap.alloc(8);
  getArguments(list);
  for (let i: usize = 1; i < load<usize>(list, 4); i++) {
    const path = text(load<usize>(list) + 8 * i);
    say(path + ": " + contents(path));
  }
  const time = heap.alloc(16);
  now(time);
  if (load<u64>(time) > 946684800) say("clock: ok\n"); // After the year 2000.
  if (random() != random()) say("random: ok\n");
  return failed;
}
