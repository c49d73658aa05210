#!/usr/bin/env bash
# Builds the guests in C, JavaScript, Python and AssemblyScript, each by its language's own tool chain.
#
#   build-polyglot.sh OUTDIR [c|js|python|assemblyscript]...       writes OUTDIR/NAME.wasm
#
# Tools have pinned versions and live in a cache, as what was built does: a second run copies files. The cache
# is $AIRSSYS_GUEST_CACHE, else $XDG_CACHE_HOME/airssys-wasm, else ~/.cache/airssys-wasm. Needs Python 3.10
# with venv, Node 20 with npm, and a network the first time.
set -euo pipefail

[[ $# -ge 1 ]] || { echo "usage: $0 OUTDIR [c|js|python|assemblyscript]..." >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
languages=("$@")
[[ $# -gt 0 ]] || languages=(c js python assemblyscript)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${AIRSSYS_GUEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/airssys-wasm}/polyglot
mkdir -p "$cache"
say() { echo "build-polyglot: $*" >&2; }
die() { say "$*"; exit 1; }

# need COMMAND PACKAGE: the command exists, or is installed where that is ours to do.
need() {
  command -v "$1" >/dev/null && return
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || die "\`$1\` is needed (Debian: apt-get install $2)"
  say "installing $2"
  apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "$2" >&2
}

# digest FILE...: of names and contents, the name being what stands beneath this directory.
digest() { (cd "$here" && sha256sum -- "$@" | sha256sum | cut -c1-16); }

# Tools are put into a fresh directory and marked when complete; an interrupted run starts again.
python_tools() {
  venv=$cache/venv-$(digest requirements.txt)
  [[ -e $venv/complete ]] && return
  need python3 python3
  say "installing $(paste -sd ' ' "$here/requirements.txt")"
  rm -rf "$venv"
  python3 -m venv "$venv" 2>/dev/null || {
    [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || die "python3 has no venv (Debian: apt-get install python3-venv)"
    apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends python3-venv >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
  }
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
  touch "$venv/complete"
}

# node_tools DIRECTORY: what the package there depends on.
node_tools() {
  node=$cache/node-$(digest "$1/package.json" "$1/package-lock.json")
  [[ -e $node/complete ]] && return
  need npm npm
  say "installing the tools of $1"
  rm -rf "$node"
  mkdir -p "$node"
  cp "$here/$1/package.json" "$here/$1/package-lock.json" "$node/"
  # Not `npm ci`: the lock file cannot name the package's builds for platforms that were never published.
  (cd "$node" && npm install --no-audit --no-fund --loglevel=error >&2)
  touch "$node/complete"
}

# The world of the errand, and beside it the WIT that the kernel pins.
errand_wit() {
  mkdir -p "$work/wit/deps"
  cp "$here/errand/errand.wit" "$work/wit/"
  cp "$root"/wit/deps/*.wit "$work/wit/deps/"
}

# The worlds of the guests that speak to each other, with all that they name.
speak_wit() {
  mkdir -p "$work/speak/deps"
  cp "$here/speak/worlds.wit" "$work/speak/"
  cp "$here"/speak/text-*.wit "$root"/wit/deps/*.wit "$work/speak/deps/"
}

build_c() {
  python_tools
  speak_wit
  export ZIG_GLOBAL_CACHE_DIR=$cache/zig ZIG_LOCAL_CACHE_DIR=$cache/zig
  local cc=("$venv/bin/python-zig" cc -target wasm32-wasi -Os -s -Wall -Wextra -Werror)
  "${cc[@]}" "$here/c/command.c" -o "$work/command.core.wasm"
  "${cc[@]}" -mexec-model=reactor "$here/c/process.c" -o "$work/process.core.wasm"
  "${cc[@]}" -mexec-model=reactor "$here/c/actor.c" -o "$work/actor.core.wasm"
  "${cc[@]}" "$here/c/errand.c" -o "$work/errand.core.wasm"
  # The adapter comes with the crate that Wasmtime publishes it in.
  (
    cd "$root"
    cargo xtask wrap "$work/command.core.wasm" "$work/c-command.wasm"
    cargo xtask wrap "$work/errand.core.wasm" "$work/c-errand.wasm"
    cargo xtask wrap --library --wit "$here/wit" --world process "$work/process.core.wasm" "$work/c-process.wasm"
    cargo xtask wrap --library --wit "$work/speak" --world actor "$work/actor.core.wasm" "$work/c-actor.wasm"
  ) >&2
}

build_js() {
  node_tools js
  errand_wit
  speak_wit
  (
    cd "$here/js"
    "$node/node_modules/.bin/componentize-qjs" --sync --wit "$here/wit" --world process-with-files \
      --js process.js -o "$work/js-process.wasm"
    "$node/node_modules/.bin/componentize-qjs" --sync --wit "$work/wit" --world errand \
      --js errand.js -o "$work/js-errand.wasm"
    "$node/node_modules/.bin/componentize-qjs" --sync --wit "$work/speak" --world actor-with-files \
      --js actor.js -o "$work/js-actor.wasm"
    "$node/node_modules/.bin/componentize-qjs" --sync --wit "$work/speak" --world greeter \
      --js greeter.js -o "$work/js-greeter.wasm"
  ) >&2
}

build_python() {
  python_tools
  local tools=$venv/bin/wasm-tools
  # Where the application lies, so that no cache of its bytecode gets into the work tree.
  cp "$here/python/actor.py" "$here/python/app.py" "$here/python/errand.py" "$work/"
  errand_wit
  speak_wit
  (
    cd "$work"
    "$venv/bin/componentize-py" -q -d "$here/wit" -w process componentize app -o python-process-sockets.wasm >&2
    "$venv/bin/componentize-py" -q -d wit -w errand-with-a-library componentize errand -o python-errand.wasm >&2
    "$venv/bin/componentize-py" -q -d speak -w actor componentize actor -o python-actor.wasm >&2
    # Python's library imports sockets whether the program uses them or not. Where a host offers none, they
    # are filled with functions that trap: the same program, which then imports no wasi:sockets.
    "$tools" component wit python-process-sockets.wasm --out-dir filled >/dev/null
    {
      echo 'package airssys:filled@0.1.0;'
      echo 'world no-sockets {'
      sed -nE 's/^ *import (wasi:sockets\/[^;]*;)/  export \1/p' filled/component.wit
      echo '}'
    } > world.wit
    mv world.wit filled/component.wit
    "$tools" component embed filled --world no-sockets --dummy -o filled.core.wasm
    "$tools" component new filled.core.wasm -o filled.wasm
    "$tools" compose python-process-sockets.wasm -d filled.wasm -o python-process.wasm 2>/dev/null >&2
  )
}

build_assemblyscript() {
  python_tools
  node_tools assemblyscript
  errand_wit
  local tools=$venv/bin/wasm-tools
  (
    cd "$work"
    cp "$here/assemblyscript/errand.ts" .
    # No `abort` of the host's: a failed assertion traps. No name in the language has the form of a component's export.
    "$node/node_modules/.bin/asc" errand.ts -O --noAssert --runtime stub --use abort= --textFile errand.wat
    sed -i 's|(export "run"|(export "wasi:cli/run@0.2.12#run"|' errand.wat
    "$tools" component embed wit --world errand errand.wat -o errand.embedded.wasm
    "$tools" component new errand.embedded.wasm -o assemblyscript-errand.wasm
  ) >&2
}

errand=(errand/errand.wit ../../wit/deps/{cli,clocks,filesystem,io,random}.wit)
speak=(speak/worlds.wit speak/text-1.{0,2}.0.wit ../../wit/deps/airssys-runtime.wit)
for language in "${languages[@]}"; do
  case $language in
    c)
      names=(c-actor c-command c-errand c-process)
      sources=(c/{actor,command,errand,process}.c "${speak[@]}" wit/world.wit requirements.txt ../../Cargo.lock)
      ;;
    js)
      names=(js-actor js-errand js-greeter js-process)
      sources=(js/{actor,errand,greeter,process}.js "${errand[@]}" "${speak[@]}" js/package.json js/package-lock.json
        wit/world.wit wit/deps/filesystem.wit)
      ;;
    python)
      names=(python-actor python-errand python-process python-process-sockets)
      sources=(python/{actor,app,errand}.py "${errand[@]}" "${speak[@]}" wit/world.wit requirements.txt)
      ;;
    assemblyscript)
      names=(assemblyscript-errand)
      sources=(assemblyscript/errand.ts assemblyscript/package.json assemblyscript/package-lock.json "${errand[@]}" requirements.txt)
      ;;
    *) die "unknown language \`$language\`: c, js, python or assemblyscript" ;;
  esac
  built=$cache/built/$language-$(digest build-polyglot.sh "${sources[@]}")
  if [[ ! -d $built ]]; then
    say "building the guests in $language"
    work=$(mktemp -d "$cache/building.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    "build_$language"
    mkdir -p "$cache/built/" "$work/result"
    for name in "${names[@]}"; do mv "$work/$name.wasm" "$work/result/"; done
    mv -T "$work/result" "$built"
    rm -rf "$work"
  fi
  for name in "${names[@]}"; do
    cp "$built/$name.wasm" "$out/"
    echo "$out/$name.wasm"
  done
done
