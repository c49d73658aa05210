//! Components by hand: one that is called, one that calls, and one that does both.

use crate::support::component_of;

/// The interface, without the line that names its package.
pub(crate) fn text() -> &'static str {
    include_str!("text.wit").split_once(";\n").unwrap().1
}

const WORLDS: &str = "
    interface gate { wait: func(); }
    world callee {
        import wasi:filesystem/preopens@0.2.12; import wasi:filesystem/types@0.2.12; import gate;
        export acme:text/shout@1.0.0; export own-open: func() -> u32;
    }
    world plain { export acme:text/shout@1.0.0; }
    world caller {
        import wasi:filesystem/preopens@0.2.12; import wasi:filesystem/types@0.2.12;
        import acme:text/shout@1.0.0; use acme:text/shout@1.0.0.{everything};
        export own-open: func() -> u32; export length: func(bytes: u32) -> u32;
        export echo: func(all: everything) -> everything; export same: func(text: string) -> string;
        export much: func(bytes: u32) -> list<u8>; export count: func() -> u32; export open: func() -> u32;
        export wait: func(); export spin: func(); export trap: func();
    }
    world middle { import acme:text/shout@1.0.0; export acme:text/shout@1.0.0; }";

/// The worlds, where the interface has that version.
pub(crate) fn wit(version: &str) -> String {
    let worlds = WORLDS.replace("@1.0.0", &format!("@{version}"));
    format!("package acme:gate@1.0.0; {worlds} package acme:text@{version} {{ {} }}", text())
}

/// Memory from 64 KiB on, all free again after each call.
const MEMORY: &str = r#"
  (memory (export "memory") 512)
  (global $bump (mut i32) (i32.const 65536))
  (func $free (param i32) (global.set $bump (i32.const 65536)))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $bump (i32.and (i32.add (global.get $bump) (i32.const 15)) (i32.const -16)))
    (global.get $bump)
    (global.set $bump (i32.add (global.get $bump) (local.get 3))))"#;

const FILES: &str = r#"
  (import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $dirs (param i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.open-at"
    (func $open-at (param i32 i32 i32 i32 i32 i32 i32)))"#;

/// 2000 when no directory is seen.
const OPEN: &str = r#"
  (data (i32.const 1024) "file")
  (func $open (result i32)
    (call $dirs (i32.const 16))
    (if (i32.eqz (i32.load (i32.const 20))) (then (return (i32.const 2000))))
    (call $open-at (i32.load (i32.load (i32.const 16))) (i32.const 0) (i32.const 1024) (i32.const 4) (i32.const 0)
      (i32.const 1) (i32.const 16))
    (if (result i32) (i32.load8_u (i32.const 16))
      (then (i32.add (i32.const 1000) (i32.load8_u (i32.const 20)))) (else (i32.const 0))))"#;

const CALLEE: &str = r#"
  (global $calls (mut i32) (i32.const 0))
  (func (export "SHOUT#echo") (param i32) (result i32) (local.get 0))
  (func (export "SHOUT#same") (param i32 i32) (result i32)
    (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
  (func (export "SHOUT#much") (param i32) (result i32)
    (i32.store (i32.const 16) (i32.const 65536)) (i32.store (i32.const 20) (local.get 0)) (i32.const 16))
  (func (export "SHOUT#count") (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1))) (global.get $calls))
  (func (export "SHOUT#open") (result i32) (call $open))
  (func (export "SHOUT#wait") (call $wait))
  (func (export "SHOUT#spin") (loop $on (br $on)))
  (func (export "SHOUT#trap") unreachable)"#;

/// What is freed after a call, by the export it belongs to.
fn posts(prefix: &str) -> String {
    let post = |name| format!("(export \"cabi_post_{prefix}{name}\" (func $free))");
    ["echo", "same", "much"].map(post).concat()
}

fn shout(version: &str) -> String {
    format!("acme:text/shout@{version}")
}

/// What is called, by that version of its interface.
pub(crate) fn callee(version: &str) -> Vec<u8> {
    let shout = shout(version);
    let gate = "(import \"acme:gate/gate@1.0.0\" \"wait\" (func $wait))";
    let own = "(func (export \"own-open\") (result i32) (call $open))";
    let functions = CALLEE.replace("SHOUT", &shout);
    let core =
        format!("(module {FILES} {gate} {MEMORY} {OPEN} {functions} {own} {})", posts(&format!("{shout}#")));
    component_of(&wit(version), "callee", &core)
}

/// The same without any import: it opens nothing, and waits for nothing.
pub(crate) fn plain() -> Vec<u8> {
    let none = "(func $open (result i32) (i32.const 3000)) (func $wait)";
    let functions = CALLEE.replace("SHOUT", &shout("1.0.0"));
    let core = format!("(module {MEMORY} {none} {functions} {})", posts("acme:text/shout@1.0.0#"));
    component_of(&wit("1.0.0"), "plain", &core)
}

/// Hands on what it is called with, and the answer back.
fn handing_on(version: &str, prefix: &str) -> (String, String) {
    let shout = shout(version);
    let (mut imports, mut functions) = (String::new(), String::new());
    for (name, takes, has_place, gives) in [
        ("echo", 1, true, true),
        ("same", 2, true, true),
        ("much", 1, true, true),
        ("count", 0, false, true),
        ("open", 0, false, true),
        ("wait", 0, false, false),
        ("spin", 0, false, false),
        ("trap", 0, false, false),
    ] {
        let taken = "i32 ".repeat(takes);
        let place = if has_place { "i32" } else { "" };
        let result = if gives && !has_place { "(result i32)" } else { "" };
        imports +=
            &format!("(import \"{shout}\" \"{name}\" (func ${name} (param {taken} {place}) {result}))");
        let arguments: String = (0..takes).map(|at| format!("(local.get {at})")).collect();
        let body = match has_place {
            true => format!("(call ${name} {arguments} (i32.const 4096)) (i32.const 4096)"),
            false => format!("(call ${name} {arguments})"),
        };
        let result = if gives { "(result i32)" } else { "" };
        functions += &format!("(func (export \"{prefix}{name}\") (param {taken}) {result} {body})");
    }
    (imports, functions + &posts(prefix))
}

/// Who calls, by that version of the interface.
pub(crate) fn caller(version: &str) -> Vec<u8> {
    let (imports, functions) = handing_on(version, "");
    let files = FILES.replace("$open-at", "$open-file");
    let open = OPEN.replace("$open-at", "$open-file").replace("func $open ", "func $own-open ");
    // What comes back stays inside: only its length is told.
    let own = "(export \"own-open\" (func $own-open))
        (func (export \"length\") (param i32) (result i32)
          (call $much (local.get 0) (i32.const 4096)) (i32.load offset=4 (i32.const 4096)))";
    let core = format!("(module {files} {imports} {MEMORY} {open} {functions} {own})");
    component_of(&wit(version), "caller", &core)
}

/// Who calls and is called.
pub(crate) fn middle() -> Vec<u8> {
    let (imports, functions) = handing_on("1.0.0", "acme:text/shout@1.0.0#");
    component_of(&wit("1.0.0"), "middle", &format!("(module {imports} {MEMORY} {functions})"))
}
