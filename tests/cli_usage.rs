//! What the command says to those who use it wrongly, and to those who ask.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests prepare and look at real files"
)]

mod cli_support;

use cli_support::{COMPONENT, Desk};

#[test]
fn wrong_usage_ends_with_125_and_nothing_on_standard_output() {
    let desk = Desk::new();
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["keygen", "--frobnicate"],
        &["sign"],
        &["verify", "a.wasm"],
        &["policy"],
        &["audit"],
        &["audit", "frobnicate"],
        &["keygen", "extra"],
    ] {
        let said = desk.run(arguments);
        assert_eq!((said.status, said.out.as_str()), (125, ""), "{arguments:?}");
        assert!(!said.err.is_empty() && !said.err.contains('\u{1b}'), "{said:?}");
    }
    assert!(desk.names().is_empty());
}

#[cfg(unix)]
#[test]
fn arguments_that_are_not_text_are_wrong_usage_and_not_a_crash() {
    use std::os::unix::ffi::OsStrExt;
    let desk = Desk::new();
    let odd = std::ffi::OsStr::from_bytes(b"\xff.wasm");
    let said = desk.said(desk.command().args(["--json".as_ref(), odd]));
    assert_eq!(said.status, 125, "{said:?}");
    let said = desk.said(desk.command().args(["verify".as_ref(), odd, "--trust".as_ref(), odd]));
    assert_eq!(said.status, 125, "{said:?}");
}

#[test]
fn wrong_usage_in_json_is_one_object() {
    let value = Desk::new().run(&["--json", "verify", "a.wasm"]).err_json();
    assert_eq!((&value["error"]["status"], &value["error"]["kind"]), (&125.into(), &"error".into()));
    assert!(value["error"]["message"].as_str().unwrap().contains("--trust"), "{value}");
}

#[test]
fn what_was_typed_is_told_without_acting_on_the_terminal() {
    let (desk, odd) = (Desk::new(), "x\u{1b}]0;t\u{7}\u{9b}\u{202e}");
    let dir = format!("{odd}::relative");
    for arguments in [
        &[odd][..],
        &["run", "a.wasm", "--dir", &dir],
        &["run", "a.wasm", "--env", odd],
        &["run", odd],
        &["verify", odd, "--trust", odd],
        &["keygen", "-o", &format!("{odd}/key")],
        &["policy", "check", odd],
        &["audit", "show", odd],
    ] {
        let said = desk.run(arguments);
        assert!(matches!(said.status, 125 | 127), "{said:?}");
        assert!(!said.err.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{said:?}");
    }
    let said = desk.run(&["keygen", "-o", odd]);
    assert!(
        !said.is_done().out.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')),
        "{said:?}"
    );
}

#[test]
fn help_and_version_are_answers() {
    let desk = Desk::new();
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["help", "sign"],
        &["--version"],
        &["keygen", "--help"],
        &["sign", "-h"],
        &["verify", "--help"],
    ] {
        let said = desk.run(arguments);
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{arguments:?}");
        assert!(!said.out.contains('\u{1b}'), "{said:?}");
    }
    let help = desk.run(&["--help"]).out;
    assert!(help.contains("Examples:") && help.contains("126  refused"), "{help}");
}

#[test]
fn directories_and_missing_files_are_named_with_the_remedy() {
    let desk = Desk::with_signed(COMPONENT);
    let said = desk.run(&["verify", ".", "--trust", "trust.toml"]);
    assert!(said.is_one_sentence(125).contains("component `.` is not a regular file"), "{said:?}");
    let said = desk.run(&["verify", "signed.wasm", "--trust", "gone.toml"]);
    assert!(
        said.is_one_sentence(125).contains("trust file `gone.toml` cannot be read: no such file"),
        "{said:?}"
    );
    let said = desk.run(&["verify", "gone.wasm", "--trust", "trust.toml"]);
    said.is_one_sentence(127);
    let said = desk.run(&["verify", "signed.wasm/x", "--trust", "trust.toml"]);
    said.is_one_sentence(127);
}

#[cfg(unix)]
#[test]
fn a_fifo_does_not_make_the_command_wait() {
    let desk = Desk::with_signed(COMPONENT);
    cli_support::fifo(&desk.path("pipe"));
    for arguments in
        [["verify", "pipe", "--trust", "trust.toml"], ["verify", "signed.wasm", "--trust", "pipe"]]
    {
        let said = desk.run(&arguments);
        assert!(said.is_one_sentence(125).contains("not a regular file"), "{said:?}");
    }
}

#[test]
fn a_file_of_enormous_size_is_refused_and_not_read() {
    let desk = Desk::with_signed(COMPONENT);
    let file = std::fs::File::create(desk.path("huge")).unwrap();
    file.set_len(1 << 40).unwrap();
    for arguments in
        [["verify", "huge", "--trust", "trust.toml"], ["verify", "signed.wasm", "--trust", "huge"]]
    {
        let said = desk.run(&arguments);
        assert!(said.is_one_sentence(125).contains("has more than"), "{said:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_an_error_and_a_closed_pipe_is_none() {
    use std::process::{Command, Stdio};
    let desk = Desk::with_signed(COMPONENT);
    let run = |out: Stdio| {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("airssys"));
        command.args(["verify", "signed.wasm", "--trust", "trust.toml"]).current_dir(desk.path(""));
        command.stdout(out).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
    };
    let full = run(std::fs::File::create("/dev/full").unwrap().into());
    assert_eq!(full.status.code(), Some(125), "{full:?}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let closed = run(writer.into());
    assert_eq!((closed.status.code(), closed.stderr.as_slice()), (Some(0), &b""[..]));
}
