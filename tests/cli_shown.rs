//! What people read, word for word: help, answers, refusals, drawings.
//!
//! To change a text, change it and run with `INSTA_UPDATE=always`; the difference in `tests/snapshots` is what to review.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods, reason = "tests prepare and look at real files")]

mod cli_support;

use airssys_wasm::audit::Hash;
use cli_support::{COMPONENT, Desk, Said, log};

const PHOTOS: &str = "@id(\"photos\")\npermit (principal in Group::\"vetted\", action == Action::\"fs:read\", \
    resource in Path::\"/photos\")\nwhen { principal.version.major >= 1 };\n";

/// Compares a text with the one that was agreed on, but for what differs with each run.
fn same(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(true);
    for (pattern, stands_for) in [
        (r"\b[0-9a-f]{64}\b", "[hash]"),
        (r"\b[0-9a-f]{24}\b", "[key id]"),
        (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "[time]"),
        (r"airssys(-wasm)? \d+\.\d+\.\d+", "airssys$1 [version]"),
    ] {
        settings.add_filter(pattern, stands_for);
    }
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn reporter() -> Vec<u8> {
    std::fs::read(format!("{}/examples/guests/reporter/reporter.wasm", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Everything said, after the arguments it answers.
fn told(desk: &Desk, arguments: &[&str]) -> String {
    let Said { status, out, err } = desk.run(arguments);
    format!("$ airssys {}\n{out}{err}[{status}]\n", arguments.join(" "))
}

#[test]
fn the_help_of_each_command_is_what_was_agreed_on() {
    let desk = Desk::new();
    for command in [
        &[][..],
        &["keygen"],
        &["sign"],
        &["verify"],
        &["inspect"],
        &["run"],
        &["call"],
        &["policy"],
        &["policy", "check"],
        &["policy", "explain"],
        &["audit"],
        &["audit", "show"],
        &["audit", "verify"],
    ] {
        let said = desk.run(&[command, &["--help"]].concat());
        same(&[&["help"], command].concat().join("_"), &said.is_done().out);
    }
}

/// A desk with what is to be refused: components that are none, are not signed, altered or import what nobody offers.
fn refused() -> Desk {
    let desk = Desk::with_signed(COMPONENT);
    desk.write("empty.toml", "");
    desk.write("core.wasm", b"\0asm\x01\0\0\0");
    desk.write("text.wasm", "hello");
    let mut altered = desk.read("signed.wasm");
    let at = altered.windows(5).rposition(|window| window == b"thumb").unwrap();
    altered[at] = b'd';
    desk.write("altered.wasm", altered);
    let import = "(component (import \"acme:nothing/api@1.0.0\" (instance (export \"touch\" (func)))))";
    desk.write("import.wasm", wat::parse_str(import).unwrap());
    desk
}

/// Adds logs that are altered, cut, empty or of another format.
fn write_logs(desk: &Desk) {
    log(&desk.path("log"), PHOTOS);
    let text = String::from_utf8(desk.read("log")).unwrap();
    desk.write("altered.log", text.replacen("/etc/passwd", "/etc/shadow", 1));
    desk.write("cut.log", text.lines().take(3).map(|line| format!("{line}\n")).collect::<String>());
    let other = text.replacen("\"format\":1", "\"format\":2", 1);
    let (body, _) = other.split_once(",\"hash\"").unwrap();
    let hash = Hash::of(format!("{body}}}").as_bytes());
    desk.write("other.log", format!("{body},\"hash\":\"{hash}\"}}\n"));
    desk.write("empty.log", "");
}

#[test]
fn what_is_refused_is_told_in_these_sentences() {
    let desk = refused();
    write_logs(&desk);
    let head = format!("5:{}", "0f".repeat(32));
    let said: Vec<_> = [
        &["verify", "thumb.wasm", "--trust", "trust.toml"][..],
        &["verify", "signed.wasm", "--trust", "empty.toml"],
        &["verify", "altered.wasm", "--trust", "trust.toml"],
        &["verify", "core.wasm", "--trust", "trust.toml"],
        &["verify", "text.wasm", "--trust", "trust.toml"],
        &["inspect", "core.wasm"],
        &["run", "signed.wasm"],
        &["run", "gone.wasm"],
        &["call", "import.wasm", "f()", "--dev", "--json"],
        &["audit", "verify", "altered.log"],
        &["audit", "verify", "cut.log", "--head", &head],
        &["audit", "verify", "other.log"],
        &["audit", "verify", "empty.log"],
        &["audit", "show", "altered.log"],
    ]
    .iter()
    .map(|arguments| told(&desk, arguments))
    .collect();
    let made = format!("made a development key: {}", desk.path("").display());
    same("refusals", &said.join("\n").replace(&made, "made a development key: [home]/"));
}

#[test]
fn a_component_is_inspected_in_these_tables() {
    let desk = Desk::with_signed(&reporter());
    desk.write("policy.cedar", format!("{}{PHOTOS}", include_str!("../policies/starter.cedar")));
    let asked = ["inspect", "signed.wasm", "--trust", "trust.toml", "--policy", "policy.cedar"];
    let named = desk.run(&["inspect", "signed.wasm"]);
    same("inspect", &desk.run(&asked).is_done().out);
    same("inspect_claims", &named.is_done().out);
    same("verify", &desk.run(&["verify", "signed.wasm", "--trust", "trust.toml"]).is_done().out);
}

#[test]
fn a_denial_is_explained_in_these_words() {
    let desk = Desk::new();
    desk.write("policy.cedar", PHOTOS);
    log(&desk.path("log"), PHOTOS);
    same(
        "explain",
        &told(&desk, &["policy", "explain", "--policy", "policy.cedar", "--audit", "log", "--seq", "3"]),
    );
}

#[test]
fn policies_are_drawn_where_they_are_broken() {
    let desk = Desk::new();
    desk.write(
        "broken.cedar",
        "// Reading.\npermit (principal, action == Action::\"fs:read\", resource)\nwhen { principal.relase > 3 };\n\n@id(\"a\")\nforbid (\n  principal,\n  \
         action,\n  resource in Path::\"/data/\"\n);\n",
    );
    desk.write("fine.cedar", PHOTOS);
    same(
        "policy_check",
        &format!(
            "{}\n{}",
            told(&desk, &["policy", "check", "broken.cedar"]),
            told(&desk, &["policy", "check", "fine.cedar"])
        ),
    );
}

#[test]
fn a_log_is_shown_and_verified_in_these_lines() {
    let desk = Desk::new();
    let head = log(&desk.path("log"), PHOTOS).to_string();
    let said = [
        &["audit", "show", "log"][..],
        &["audit", "verify", "log"],
        &["audit", "verify", "log", "--head", &head],
    ];
    same("audit", &said.map(|arguments| told(&desk, arguments)).join("\n"));
}
