#!/usr/bin/env bash
# A Rust compiler with a standard library for wasm32-wasip1, for machines where `rustup target add`
# cannot download. Nothing is installed: Debian's packages are unpacked into a cache directory and
# std is built there from its own source (about a minute of CPU and 500 MB, once per package version).
#
#   make-wasm-sysroot.sh [TARGET...]      prints the path of a `rustc` to pass as RUSTC=
#
# The cache is $AIRSSYS_GUEST_CACHE, else $XDG_CACHE_HOME/airssys-wasm, else ~/.cache/airssys-wasm.
set -euo pipefail

targets=("$@")
[[ $# -gt 0 ]] || targets=(wasm32-wasip1)
cache=${AIRSSYS_GUEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/airssys-wasm}
say() { echo "make-wasm-sysroot: $*" >&2; }
die() { say "$*"; exit 1; }

for tool in apt-cache apt-get dpkg cargo rustc; do
  command -v "$tool" >/dev/null || die "\`$tool\` is needed (Debian or Ubuntu with a Rust tool chain), or: rustup target add wasm32-wasip2"
done

package_version() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p'; }
version=$(package_version rustc-web)
if [[ -z $version || $version == '(none)' ]]; then
  # Without package lists (a machine that is offline, say) whatever was built before is good.
  for built in "$cache"/wasm-sysroot/*+"$(IFS=+; echo "${targets[*]}")"/rustc; do
    if [[ -x $built ]]; then
      echo "$built"
      exit 0
    fi
  done
  [[ $(id -u) == 0 ]] || die "apt knows no package \`rustc-web\`; run \`apt-get update\` first"
  say "updating the package lists"
  apt-get update -qq >&2
  version=$(package_version rustc-web)
fi
[[ -n $version && $version != '(none)' ]] || die "apt knows no package \`rustc-web\` on this release"

release=$(sed -E 's/^([0-9]+\.[0-9]+).*/\1/' <<<"$version")
name=${version//[^A-Za-z0-9.]/_}+$(IFS=+; echo "${targets[*]}")
home=$cache/wasm-sysroot/$name
if [[ -x $home/rustc ]]; then
  echo "$home/rustc"
  exit 0
fi

mkdir -p "$cache/wasm-sysroot"
# Built beside its final place and renamed when complete, so that an interrupted build leaves no half sysroot.
work=$(mktemp -d "$cache/wasm-sysroot/building.XXXXXX")
trap 'rm -rf "$work"' EXIT

say "unpacking rustc-web $version"
llvm=$(apt-cache depends "libstd-rust-web-$release" | sed -n 's/.*Depends: \(libllvm[0-9]*\)$/\1/p' | head -n 1)
mkdir "$work/packages"
(
  cd "$work/packages"
  # apt drops to an unprivileged user where it can, which cannot write here; the warning about it says nothing.
  apt-get download -qq rustc-web "libstd-rust-web-$release" libstd-rust-web-dev rust-web-src \
    ${llvm:+"$llvm"} wasi-libc 2>/dev/null >&2
)
for package in "$work"/packages/*.deb; do dpkg -x "$package" "$work/root"; done
rm -rf "$work/packages"
usr=$work/root/usr

# The wrapper finds its compiler from its own place, so the directory may be moved as a whole.
cat > "$work/rustc" <<'WRAPPER'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
for libraries in "$here"/root/usr/lib/*-linux-gnu; do
  LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
exec "$here/root/usr/bin/rustc" "$@"
WRAPPER
chmod +x "$work/rustc"
host=$("$work/rustc" -vV | sed -n 's/^host: //p')
say "$("$work/rustc" -V) for $host"

# The package carries no linker for wasm; every tool chain of rustup does (rust-lld).
linkers=$(rustc --print sysroot)/lib/rustlib/$host/bin
[[ -x $linkers/rust-lld ]] || die "\`$linkers/rust-lld\` is missing: the \`rustc\` on the path must come from rustup"
mkdir -p "$usr/lib/rustlib/$host/bin"
cp -a "$linkers/." "$usr/lib/rustlib/$host/bin/"

# An empty crate whose only purpose is to have std built. It stands above std's source: cargo then
# hashes that source by its relative path, and the symbols come out the same in every directory.
mkdir "$work/src"
: > "$work/src/lib.rs"
cat > "$work/Cargo.toml" <<'MANIFEST'
[package]
name = "empty"
version = "0.0.0"
edition = "2021"

[profile.release]
panic = "abort"

[workspace]
MANIFEST

# std needs its bitcode for guests that are linked with LTO; no path of this machine may get into it.
export RUSTC=$work/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$work/target
export CARGO_ENCODED_RUSTFLAGS=-Cembed-bitcode=yes$'\x1f'--remap-path-prefix=$work=/sysroot$'\x1f'--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo
unset RUSTFLAGS CARGO_BUILD_TARGET
for target in "${targets[@]}"; do
  say "building std for $target"
  (cd "$work" && cargo build --quiet -Zbuild-std=std,panic_abort --release --target "$target" >&2)
  library=$usr/lib/rustlib/$target/lib
  mkdir -p "$library/self-contained"
  find "$work/target/$target/release/deps" -name '*.rlib' ! -name 'libempty-*' -exec cp {} "$library/" \;
  case $target in
    *wasip1) cp "$usr"/lib/wasm32-wasi/{libc.a,crt1-command.o,crt1-reactor.o} "$library/self-contained/" ;;
  esac
done

# What only the build of std needed, which is half of it all.
rm -rf "$work"/{target,src,Cargo.toml,Cargo.lock} "$usr/src" "$usr/lib/rustlib/src" "$usr/share" "$usr/bin/rustdoc"
chmod 755 "$work"
# Somebody else may have finished first; their result is as good as ours.
if ! mv -T "$work" "$home" 2>/dev/null && [[ ! -x $home/rustc ]]; then
  die "cannot move the finished sysroot to \`$home\`"
fi
[[ -x $home/rustc ]] || die "\`$home\` is not complete; remove it and try again"
echo "$home/rustc"
