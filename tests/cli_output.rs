//! What a guest writes reaches whoever reads the command's output, however late and slowly it is read.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests start the command with pipes of their own"
)]

mod cli_support;
mod support;

use cli_support::Desk;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

const ALL: &str = "@id(\"all\") permit (principal, action, resource);";

/// Writes pieces of 4096 bytes without ever flushing until there is no room, and then ends in the way of `end`.
fn writer(end: &str) -> Vec<u8> {
    let world = "package test:writer; world writer {
        import wasi:cli/stdout@0.2.12;
        export wasi:cli/run@0.2.12;
    }";
    let core = format!(
        r#"(module
            (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
            (import "wasi:io/streams@0.2.12" "[method]output-stream.check-write" (func $room (param i32 i32)))
            (import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
            {}
            (func (export "wasi:cli/run@0.2.12#run") (result i32) (local $out i32)
                (local.set $out (call $stdout))
                (memory.fill (i32.const 8192) (i32.const 120) (i32.const 4096))
                (loop $again
                    (call $room (local.get $out) (i32.const 16))
                    (if (i32.and (i32.eqz (i32.load8_u (i32.const 16)))
                                 (i64.ge_u (i64.load (i32.const 24)) (i64.const 4096)))
                        (then
                            (call $write (local.get $out) (i32.const 8192) (i32.const 4096) (i32.const 32))
                            (br $again))))
                {end}
                (i32.const 0)))"#,
        support::MEMORY
    );
    support::component(world, &core)
}

#[test]
fn all_that_a_guest_wrote_is_read_by_who_begins_late_also_after_a_trap() {
    for (end, status) in [("", 0), ("unreachable", 134)] {
        let desk = Desk::with_signed(&writer(end));
        desk.write("policy.cedar", ALL);
        let mut child = Command::new(env!("CARGO_BIN_EXE_airssys"))
            .current_dir(desk.path("."))
            .args(["run", "signed.wasm", "--trust", "trust.toml", "--policy", "policy.cedar"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_secs(1));
        assert!(child.try_wait().unwrap().is_none(), "it waits for its reader");
        let mut read = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut read).unwrap();
        // A pipe takes 64 KiB, and one piece more may be under way; the rest was queued.
        assert!(read.len() > (64 + 8) * 1024 && read.len() % 4096 == 0, "{}", read.len());
        assert!(read.iter().all(|byte| *byte == b'x'));
        assert_eq!(child.wait().unwrap().code(), Some(status));
    }
}

/// Leaves a line and a control sequence unfinished on standard error, and traps.
fn unfinished() -> Vec<u8> {
    let world = "package test:unfinished; world unfinished {
        import wasi:cli/stderr@0.2.12;
        export wasi:cli/run@0.2.12;
    }";
    let core = format!(
        r#"(module
            (import "wasi:cli/stderr@0.2.12" "get-stderr" (func $stderr (result i32)))
            (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
                (func $write (param i32 i32 i32 i32)))
            {}
            (data (i32.const 1024) "\1b[8m\1b]0;half")
            (func (export "wasi:cli/run@0.2.12#run") (result i32)
                (call $write (call $stderr) (i32.const 1024) (i32.const 12) (i32.const 16))
                unreachable))"#,
        support::MEMORY
    );
    support::component(world, &core)
}

#[test]
fn what_a_guest_leaves_unfinished_swallows_no_line_of_ours() {
    let desk = Desk::with_signed(&unfinished());
    desk.write("policy.cedar", ALL);
    let named = ["run", "signed.wasm", "--trust", "trust.toml", "--policy", "policy.cedar"];
    let said = desk.run(&named);
    assert_eq!(said.status, 134, "{said:?}");
    let last = said.err.lines().last().unwrap();
    assert!(last.starts_with("airssys: "), "{said:?}");
    let said = desk.run(&[&named[..], &["--json"]].concat());
    let last = said.err.lines().last().unwrap();
    let value: serde_json::Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("{said:?}"));
    assert_eq!(value["error"]["status"], 134);
}
