//! The command on a real terminal: colours, the spinner, denials as they come.
//!
//! Only on Linux, by `script` of util-linux, which gives a program a terminal and passes on what it wrote there. Where it
//! is missing these tests fail and say so.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests prepare and look at real files"
)]

mod cli_support;

use cli_support::{Desk, Said};
use std::process::{Command, Stdio};

const POLICY: &str = "@id(\"start\") permit (principal, action in [Action::\"clock\", Action::\"random\", \
    Action::\"stdio\", Action::\"process:args\"], resource);\n\
    permit (principal, action == Action::\"fs:read\", resource in Path::\"/data/open\");\n";

/// Runs the command with a terminal as all its streams; what it wrote there is `out`.
fn on_terminal(desk: &Desk, setting: &str, arguments: &[&str]) -> Said {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let command = assert_cmd::cargo::cargo_bin("airssys");
    let words: Vec<_> = std::iter::once(command.to_str().unwrap()).chain(arguments.iter().copied()).collect();
    let line = format!("{setting} exec {}", words.into_iter().map(quoted).collect::<Vec<_>>().join(" "));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(desk.path("")).env_clear();
    script
        .env("HOME", desk.path(""))
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TERM", "xterm-256color")
        .env("SHELL", "/bin/sh");
    let output = script.stdin(Stdio::null()).output();
    let output =
        output.unwrap_or_else(|error| panic!("`script` of util-linux is needed here: install it ({error})"));
    let out = String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n");
    Said { status: output.status.code().unwrap(), out, err: String::from_utf8(output.stderr).unwrap() }
}

/// A desk with the probe signed, with `more` bytes of a section that says nothing.
fn desk(more: usize) -> Desk {
    let probe = format!("{}/tests/guests/probe-command/probe-command.wasm", env!("CARGO_MANIFEST_DIR"));
    let mut component = std::fs::read(probe).unwrap();
    if let Ok(length) = u32::try_from(more + 2) {
        let leb = [length & 127 | 128, length >> 7 & 127 | 128, length >> 14 & 127 | 128, length >> 21];
        component.extend([0].into_iter().chain(leb.map(|digit| digit as u8)).chain([1, b'x']));
        component.resize(component.len() + more, 0);
    }
    let desk = Desk::with_signed(&component);
    desk.write("policy.cedar", POLICY);
    std::fs::create_dir(desk.path("data")).unwrap();
    desk.write("data/secret", "canary");
    desk
}

fn run<'a>(options: &[&'a str], arguments: &[&'a str]) -> Vec<&'a str> {
    let named =
        ["run", "signed.wasm", "--trust", "trust.toml", "--policy", "policy.cedar", "--dir", "data::/data"];
    [&named[..], options, &["--"], arguments].concat()
}

#[test]
fn a_denial_is_told_once_on_a_terminal_with_the_least_permit_and_acts_on_nothing() {
    let desk = desk(0);
    let hostile = "/data/x\u{1b}]0;t\u{7}\u{9b}";
    let said = on_terminal(&desk, "", &run(&[], &["reads", "/data/secret", hostile, "/data/secret"]));
    assert_eq!(said.status, 0, "{said:?}");
    let told: Vec<_> = said.out.lines().filter(|line| line.starts_with("airssys: ")).collect();
    let read = |path: &str| {
        let about = format!("denied: `acme/thumb` may not fs:read Path::\"{path}\"");
        let lines: Vec<_> = told.iter().filter(|line| line.contains(&about)).collect();
        assert_eq!(lines.len(), 1, "{path}: {said:?}");
        *lines[0]
    };
    assert!(read("/data/secret").contains("to allow it: @id(") && !said.out.contains("canary"), "{said:?}");
    let hostile = read("/data/x\\u{1b}]0;t\\u{7}\\u{9b}");
    assert!(!hostile.contains("permit (principal"), "no policy can name it: {hostile}");
    assert!(told.iter().all(|line| !line.contains(char::is_control)), "{said:?}");
    let silent = on_terminal(&desk, "", &run(&["--denials", "never"], &["reads", "/data/secret"]));
    assert!(!silent.out.contains("denied: "), "{silent:?}");
}

#[test]
fn a_drawing_has_colours_on_a_terminal_unless_they_are_not_wanted() {
    let desk = Desk::new();
    desk.write("policy.cedar", "permit (principal, action == Action::\"fs:raed\", resource);");
    let check = ["policy", "check", "policy.cedar"];
    let coloured = on_terminal(&desk, "", &check);
    assert!(coloured.status == 125 && coloured.out.contains("\u{1b}["), "{coloured:?}");
    let plain = on_terminal(&desk, "NO_COLOR=1", &check);
    assert!(plain.status == 125 && plain.out.contains("fs:raed"), "{plain:?}");
    assert!(!plain.out.contains('\u{1b}') && plain.out.contains('╭'), "{plain:?}");
    assert!(!desk.run(&check).err.contains('╭'));
    let help = on_terminal(&desk, "NO_COLOR=1", &["--help"]);
    assert!(help.status == 0 && !help.out.contains('\u{1b}'), "{help:?}");
}

#[test]
fn a_large_component_has_a_spinner_on_a_terminal_that_leaves_nothing_behind() {
    let desk = desk(3 << 20);
    let said = on_terminal(&desk, "", &run(&[], &["print", "hello"]));
    assert!(said.status == 0 && said.out.contains("compiling the component"), "{said:?}");
    let (_, after) = said.out.rsplit_once("compiling the component").unwrap();
    assert!(after.contains("\u{1b}[2K") && after.ends_with("hello\n"), "{said:?}");
    let json = on_terminal(&desk, "", &run(&["--json"], &["print", "hello"]));
    assert!(json.status == 0 && !json.out.contains('\u{1b}'), "{json:?}");
    let piped = desk.run(&run(&[], &["print", "hello"]));
    assert_eq!((piped.out.as_str(), piped.err.as_str()), ("hello\n", ""));
}
