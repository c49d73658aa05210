//! `airssys run`, `call` and `inspect`, on the built command and real guests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods, reason = "tests prepare and look at real files")]

mod cli_support;

use cli_support::{Desk, Said};

/// What the standard library of a guest needs to start, and its arguments.
const START: &str = "@id(\"start\") permit (principal, action in [Action::\"clock\", Action::\"random\", \
    Action::\"stdio\", Action::\"process:args\"], resource);\n";
const PHOTOS: &str = "@id(\"photos\") permit (principal == Component::\"acme/thumb\", \
    action in [Action::\"fs:read\", Action::\"fs:stat\"], resource in Path::\"/photos/open\");\n";

fn guest(path: &str) -> Vec<u8> {
    let path = format!("{}/tests/guests/{path}", env!("CARGO_MANIFEST_DIR"));
    match path.ends_with(".wat") {
        true => wat::parse_file(path).unwrap(),
        false => std::fs::read(path).unwrap(),
    }
}

/// A desk with the probe signed, directories to mount and the policies above.
fn desk() -> Desk {
    let desk = Desk::with_signed(&guest("probe-command/probe-command.wasm"));
    for directory in ["photos", "photos/open", "photos/secret"] {
        std::fs::create_dir(desk.path(directory)).unwrap();
    }
    desk.write("photos/open/a.jpg", "picture");
    desk.write("photos/secret/key", "canary");
    desk.write("policy.cedar", format!("{START}{PHOTOS}"));
    desk
}

fn run(desk: &Desk, options: &[&str], arguments: &[&str]) -> Said {
    let named = ["run", "signed.wasm", "--trust", "trust.toml", "--policy", "policy.cedar"];
    desk.run(&[&named[..], options, &["--"], arguments].concat())
}

/// Calls an export of a text guest in a development run.
fn call(name: &str, expression: &str, options: &[&str]) -> Said {
    let desk = Desk::new();
    desk.write("guest.wasm", guest(&format!("wat/{name}.wat")));
    desk.run(&[&["call", "guest.wasm", expression, "--dev"], options].concat())
}

/// The last line on standard error, after the notes of a development run.
fn sentence(said: &Said) -> &str {
    said.err.lines().last().unwrap_or_default()
}

#[test]
fn an_unsigned_component_is_refused_before_it_runs() {
    let desk = desk();
    let said = desk.run(&["run", "thumb.wasm", "--trust", "trust.toml"]);
    assert!(said.is_one_sentence(126).contains("the component is not signed"), "{said:?}");
    let said = desk.run(&["run", "signed.wasm"]);
    assert!(
        said.is_one_sentence(126).contains("publisher `acme` of component `acme/thumb` is not trusted"),
        "{said:?}"
    );
    let value = desk.run(&["run", "signed.wasm", "--json"]).err_json();
    assert_eq!((&value["error"]["status"], &value["error"]["kind"]), (&126.into(), &"refused".into()));
    assert_eq!(
        desk.run(&["run", "gone.wasm"]).is_one_sentence(127),
        "airssys: there is no component `gone.wasm`; correct the path"
    );
}

#[test]
fn an_import_that_is_not_offered_is_named() {
    let said = call("missing-import", "run-empty()", &[]);
    assert_eq!((said.status, said.out.as_str()), (126, ""), "{said:?}");
    assert!(sentence(&said).contains("acme:nothing/api@1.0.0"), "{said:?}");
}

#[test]
fn a_trap_is_one_sentence_with_a_remedy() {
    for (name, expression, begin, remedy) in [
        ("trap", "trap()", "airssys: the component trapped: ", "; "),
        ("recurse", "recurse()", "airssys: the limit `stack_kib` of 512 is exceeded: ", "grant more"),
    ] {
        let said = call(name, expression, &[]);
        assert_eq!((said.status, said.out.as_str()), (134, ""), "{said:?}");
        assert!(sentence(&said).starts_with(begin), "{said:?}");
        assert!(sentence(&said).contains(remedy), "{said:?}");
    }
}

#[test]
fn a_denial_that_the_import_cannot_tell_ends_with_134_and_the_least_permit() {
    let said = call("versions-0.2.0", "read-clock()", &[]);
    assert_eq!((said.status, said.out.as_str()), (134, ""), "{said:?}");
    let sentence = sentence(&said);
    assert!(sentence.contains("`local-dev/guest` may not clock:read Clock::\"monotonic\""), "{sentence}");
    assert!(sentence.contains("to allow it: @id("), "{sentence}");
}

#[test]
fn limits_of_the_configuration_stop_a_component() {
    let limited = |name: &str, expression: &str, limits: &str| {
        let desk = Desk::new();
        desk.write("guest.wasm", guest(&format!("wat/{name}.wat")));
        desk.write("airssys.toml", format!("[limits]\n{limits}\n"));
        desk.run(&["call", "guest.wasm", expression, "--dev", "--config", "airssys.toml"])
    };
    for limit in ["cpu_ms", "wall_ms"] {
        let said = limited("spin", "spin()", &format!("{limit} = 50"));
        assert_eq!((said.status, said.out.as_str()), (124, ""), "{said:?}");
        assert!(sentence(&said).contains(&format!("the limit `{limit}` of 50 is exceeded")), "{said:?}");
    }
    let said = limited("grow", "grow()", "memory_mib = 1");
    assert_eq!(said.status, 134, "{said:?}");
    assert!(sentence(&said).contains("the limit `memory_mib` of 1 is exceeded"), "{said:?}");
}

#[test]
fn one_file_is_read_and_the_other_is_not_and_the_log_says_both() {
    let desk = desk();
    let options = ["--dir", "photos::/photos:ro", "--audit", "log"];
    let said = run(&desk, &options, &["reads", "/photos/open/a.jpg", "/photos/secret/key"]);
    assert!(said.is_done().out.contains("/photos/open/a.jpg: 7 bytes: picture"), "{said:?}");
    assert!(said.out.contains("/photos/secret/key: PermissionDenied: refused"), "{said:?}");
    assert!(!said.out.contains("canary"), "{said:?}");
    let denied = desk.run(&["audit", "show", "log", "--verdict", "deny", "--action", "fs"]);
    assert!(denied.is_done().out.contains("Path::\"/photos/secret/key\""), "{denied:?}");
    let seq = denied.out.trim_start_matches('#').split(' ').next().unwrap();
    let why = desk.run(&["policy", "explain", "--policy", "policy.cedar", "--audit", "log", "--seq", seq]);
    assert!(why.is_done().out.starts_with("deny: `acme/thumb` may not fs:"), "{why:?}");
    assert!(!why.out.contains("note: "), "{why:?}");
    let verified = desk.run(&["audit", "verify", "log"]);
    assert!(!verified.is_done().out.contains("not closed"), "{verified:?}");
}

#[test]
fn denials_are_shown_once_each_when_asked_for_and_never_in_a_pipe_otherwise() {
    let desk = desk();
    let twice = ["reads", "/photos/secret/key", "/photos/secret/key"];
    let silent = run(&desk, &["--dir", "photos::/photos:ro"], &twice);
    assert_eq!(silent.is_done().err, "");
    let told = run(&desk, &["--dir", "photos::/photos:ro", "--denials", "always"], &twice);
    let lines: Vec<&str> = told.err.lines().collect();
    assert!(
        lines.iter().all(|line| line.starts_with("airssys: denied: `acme/thumb` may not fs:")),
        "{told:?}"
    );
    assert!(lines.iter().all(|line| line.contains("to allow it: @id(")), "{told:?}");
    let mut distinct = lines.clone();
    distinct.dedup();
    assert_eq!(lines, distinct);
    let json = run(&desk, &["--dir", "photos::/photos:ro", "--denials", "always", "--json"], &twice);
    for line in json.err.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn the_status_is_the_guests_own() {
    let desk = desk();
    assert_eq!(run(&desk, &[], &["print", "hello"]).is_done().out, "hello\n");
    let failed = run(&desk, &[], &["frobnicate"]);
    assert!(failed.status == 1 && failed.err.contains("unknown verb"), "{failed:?}");
    let json = run(&desk, &["--json"], &["exit", "1"]);
    assert_eq!(json.err_json()["exit"]["status"], 1);
}

#[test]
fn arguments_and_variables_are_those_that_were_given() {
    let desk = desk();
    desk.write(
        "policy.cedar",
        format!("{START}permit (principal, action == Action::\"env:read\", resource == EnvVar::\"A\");"),
    );
    let said = run(&desk, &["--env", "A=1", "--env", "B=2"], &["envs"]);
    assert_eq!(said.is_done().out, "A=1\n");
    assert_eq!(run(&desk, &[], &["args", "-x", "--json"]).is_done().out, "signed.wasm\nargs\n-x\n--json\n");
}

#[test]
fn flags_add_to_the_configuration_and_replace_what_there_is_one_of() {
    let desk = desk();
    std::fs::create_dir(desk.path("conf")).unwrap();
    desk.write(
        "conf/start.cedar",
        format!("{START}permit (principal, action in Action::\"env\", resource);"),
    );
    desk.write(
        "conf/airssys.toml",
        "policy = ['start.cedar']\ntrust = '../trust.toml'\naudit = 'log'\n[env]\nA = 'file'\nB = 'file'\n\
         [[mount]]\nhost = '../photos'\nguest = '/photos'\nread-only = true\n",
    );
    let options = ["run", "signed.wasm", "--config", "conf/airssys.toml", "--policy", "policy.cedar"];
    let said = desk.run(
        &[
            &options[..],
            &["--env", "A=flag", "--audit", "other", "--", "envs", "then", "read", "/photos/open/a.jpg"],
        ]
        .concat(),
    );
    // The same policies twice: `start` is taken already.
    assert_eq!(said.status, 125, "{said:?}");
    desk.write("policy.cedar", PHOTOS);
    let said = desk.run(
        &[
            &options[..],
            &["--env", "A=flag", "--audit", "other", "--", "envs", "then", "read", "/photos/open/a.jpg"],
        ]
        .concat(),
    );
    assert_eq!(said.is_done().out, "A=flag\nB=file\npicture");
    assert!(desk.path("other").is_file() && !desk.path("conf/log").exists());
}

#[test]
fn a_mistake_in_the_configuration_is_shown_where_it_stands() {
    let desk = desk();
    desk.write("airssys.toml", "[limits]\nfuel = 3\n");
    let said = run(&desk, &["--config", "airssys.toml"], &["print", "x"]);
    assert_eq!((said.status, said.out.as_str()), (125, ""), "{said:?}");
    assert!(said.err.contains("airssys.toml:2:1: unknown field `fuel`"), "{said:?}");
    let said = run(&desk, &["--config", "gone.toml"], &["print", "x"]);
    assert!(said.is_one_sentence(125).contains("configuration `gone.toml` cannot be read"), "{said:?}");
}

#[test]
fn no_configuration_is_read_that_was_not_named() {
    let desk = desk();
    desk.write("airssys.toml", "this is no configuration");
    run(&desk, &[], &["print", "x"]).is_done();
}

#[test]
fn nothing_that_authority_rests_on_lies_where_the_guest_writes() {
    let desk = desk();
    let policy = format!("{START}{PHOTOS}");
    for (name, content) in [("key", String::new()), ("config", String::new()), ("entities", "[]".to_owned())]
    {
        std::fs::create_dir(desk.path(name)).unwrap();
        desk.write(&format!("{name}/file"), content);
    }
    for (name, content) in [
        ("policy", policy.as_str()),
        ("trust", "[[publisher]]\nname = 'acme'\nnames = ['*']\n[[publisher.key]]\nfile = '../key/file'\n"),
    ] {
        std::fs::create_dir(desk.path(name)).unwrap();
        desk.write(&format!("{name}/file"), content);
    }
    std::fs::create_dir(desk.path("audit")).unwrap();
    std::fs::rename(desk.path("author.pub"), desk.path("key/file")).unwrap();
    let named = ["--trust", "trust/file", "--policy", "policy/file", "--entities", "entities/file"];
    let more = ["--config", "config/file", "--audit", "audit/file"];
    let run = |dir: &str| {
        let arguments =
            [&["run", "signed.wasm"][..], &named, &more, &["--dir", dir, "--", "print", "x"]].concat();
        desk.run(&arguments)
    };
    for name in ["key", "config", "entities", "policy", "trust", "audit"] {
        let said = run(name);
        assert_eq!((said.status, said.out.as_str()), (125, ""), "{name}: {said:?}");
        assert!(said.err.contains("lies beneath the mount `/`"), "{name}: {said:?}");
        assert_eq!(run(&format!("{name}:ro")).is_done().out, "x\n");
    }
}

#[test]
fn a_development_key_does_not_lie_where_the_guest_writes() {
    let desk = desk();
    let run = |dir: &str| {
        desk.run(&[
            "run",
            "thumb.wasm",
            "--dev",
            "--policy",
            "policy.cedar",
            "--dir",
            dir,
            "--",
            "print",
            "x",
        ])
    };
    run("photos").is_done();
    let said = run(".local");
    assert!(said.status == 125 && said.err.contains("dev.key"), "{said:?}");
}

#[test]
fn mounts_that_are_wrong_are_refused() {
    let desk = desk();
    for (dir, said) in [
        ("gone::/x", "cannot be mounted"),
        ("photos::x", "not absolute"),
        ("photos::/x:rw", "`:rw` is not a way to mount"),
        ("", "no host directory"),
        ("::/x", "no host directory"),
    ] {
        let error = run(&desk, &["--dir", dir], &["print", "x"]);
        assert_eq!((error.status, error.out.as_str()), (125, ""), "{error:?}");
        assert!(error.err.contains(said), "{dir}: {error:?}");
    }
    let error = run(&desk, &["--dir", "photos", "--dir", "photos/open::/open"], &["print", "x"]);
    assert!(error.status == 125 && error.err.contains("overlap"), "{error:?}");
}

#[test]
fn a_log_that_cannot_be_written_runs_nothing() {
    let desk = desk();
    for log in ["photos", "no/such/log", "policy.cedar"] {
        let said = run(&desk, &["--audit", log], &["print", "x"]);
        assert_eq!((said.status, said.out.as_str()), (125, ""), "{said:?}");
    }
    assert_eq!(desk.read("policy.cedar"), format!("{START}{PHOTOS}").as_bytes());
}

#[cfg(unix)]
#[test]
fn a_development_run_makes_one_key_that_nobody_else_reads_and_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    desk.write("My Tool.wasm", guest("wat/process.wat"));
    let first = desk.run(&["call", "My Tool.wasm", "process-data([97, 98])", "--dev"]);
    assert_eq!(first.is_done().out, "ok([65, 66])\n");
    assert!(first.err.contains("signed in memory as `local-dev/my-tool`"), "{first:?}");
    let key = desk.path(".local/share/airssys/dev.key");
    let before = std::fs::read(&key).unwrap();
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let second = desk.run(&["call", "My Tool.wasm", "process-data([])", "--dev"]);
    assert_eq!(second.is_done().err.lines().count(), 1, "{second:?}");
    assert_eq!(std::fs::read(&key).unwrap(), before);
    let said = desk.run(&["run", "My Tool.wasm", "--dev", "--trust", "trust.toml"]);
    assert_eq!(said.status, 125, "{said:?}");
}

#[test]
fn a_development_run_needs_a_home() {
    let desk = Desk::new();
    desk.write("guest.wasm", guest("wat/tiny.wat"));
    let said = desk.said(desk.command().env_remove("HOME").args(["run", "guest.wasm", "--dev"]));
    assert!(said.is_one_sentence(125).contains("no place for the development key"), "{said:?}");
}

#[test]
fn an_error_of_the_called_function_is_printed_and_the_status_is_1() {
    let said = call("process", "process-data([102, 97, 105, 108])", &[]);
    assert_eq!((said.status, said.out.as_str()), (1, "err(\"fail\")\n"), "{said:?}");
    let said = call("process", "process-data([102, 97, 105, 108])", &["--json"]);
    assert_eq!((said.status, &said.json()["error"]["kind"]), (1, &"guest-error".into()));
}

#[test]
fn a_call_that_does_not_fit_is_wrong_usage() {
    for expression in [
        "",
        "process-data",
        "process-data(",
        "process-data(\"x\")",
        "process-data([256])",
        "procss-data([1])",
    ] {
        let said = call("process", expression, &[]);
        assert_eq!((said.status, said.out.as_str()), (125, ""), "{expression}: {said:?}");
    }
    let said = call("process", "procss-data([1])", &[]);
    assert!(sentence(&said).contains("process-data"), "{said:?}");
}

#[test]
fn results_are_printed_in_wave_and_in_json() {
    assert_eq!(call("process", "process_data([97])", &[]).is_done().out, "ok([65])\n");
    assert_eq!(call("tiny", "run-empty()", &[]).is_done().out, "");
    let said = call("process", "process-data([97])", &["--json"]);
    assert_eq!(said.is_done().json()["result"], "ok([65])");
}

#[test]
fn a_component_that_is_not_trusted_is_inspected_by_its_claims_alone() {
    let desk = desk();
    let value = desk.run(&["inspect", "signed.wasm", "--json"]).is_done().json();
    assert_eq!((&value["verified"], &value["component"]), (&false.into(), &"acme/thumb".into()));
    let said = desk.run(&["inspect", "thumb.wasm"]);
    assert!(said.is_done().out.contains("the component is not signed"), "{said:?}");
    assert!(said.out.contains("wasi:cli/run@"), "{said:?}");
    desk.write("empty.toml", "");
    desk.run(&["inspect", "signed.wasm", "--trust", "empty.toml"]).is_one_sentence(126);
    desk.write("core.wasm", b"\0asm\x01\0\0\0");
    desk.run(&["inspect", "core.wasm"]).is_one_sentence(126);
}

#[test]
fn imports_are_shown_with_how_they_stand_under_the_policies() {
    let desk = desk();
    let said = desk.run(&["inspect", "signed.wasm", "--trust", "trust.toml", "--policy", "policy.cedar"]);
    let row =
        |name: &str| said.out.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{said:?}"));
    assert!(row("wall-clock").contains("always"), "{said:?}");
    assert!(row("descriptor.unlink-file-at").contains("never"), "{said:?}");
    assert!(row("descriptor.stat-at").contains("depends"), "{said:?}");
    assert!(said.out.contains("Conditions\n") && said.out.contains("Path::\"/photos/open\""), "{said:?}");
    let value = desk.run(&["inspect", "signed.wasm", "--trust", "trust.toml", "--json"]).is_done().json();
    assert_eq!((&value["verified"], value["outlook"].as_array().unwrap().len()), (&true.into(), 0));
}

#[test]
fn functions_are_shown_with_their_types() {
    let desk = Desk::new();
    desk.write("guest.wasm", guest("wat/process.wat"));
    let said = desk.run(&["inspect", "guest.wasm", "--dev"]);
    assert!(said.is_done().out.contains("list<u8>"), "{said:?}");
}

#[test]
fn names_of_kilobytes_are_shown_by_their_beginning_and_kept_whole_in_json() {
    let (import, export) = (format!("acme:{}/api@1.0.0", "x".repeat(5000)), "y".repeat(5000));
    let path = format!("{}/tests/guests/wat/missing-import.wat", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap().replace("acme:nothing/api@1.0.0", &import);
    let desk = Desk::new();
    desk.write(
        "guest.wasm",
        wat::parse_str(
            text.replace(
                "(func (export \"run-empty\") (canon",
                &format!("(func (export \"{export}\") (canon"),
            ),
        )
        .unwrap(),
    );
    for more in [&[][..], &["--dev"]] {
        let said = desk.run(&[&["inspect", "guest.wasm"], more].concat());
        assert!(said.is_done().out.lines().all(|line| line.chars().count() < 400), "{said:?}");
        assert!(said.out.contains("(5000 characters)"), "{said:?}");
        let whole = desk.run(&[&["inspect", "guest.wasm", "--json"], more].concat());
        assert!(whole.is_done().out.contains(&import) && whole.out.contains(&export), "{more:?}");
    }
    let said = desk.run(&["call", "guest.wasm", "run()", "--dev"]);
    assert!(said.status == 126 && sentence(&said).len() < 400, "{said:?}");
    assert!(sentence(&said).contains("acme:xxx") && sentence(&said).contains("characters)`"), "{said:?}");
    let whole = desk.run(&["call", "guest.wasm", "run()", "--dev", "--json"]);
    assert!(sentence(&whole).contains(&import), "{whole:?}");
}

#[test]
fn what_a_guest_returns_is_shown_without_acting_on_the_terminal() {
    let hostile = "\u{1b}]0;t\u{7}\u{9b}2J\u{7f}\u{202e}\u{ad}\n";
    let bytes = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    for (which, status) in [(0u8, 0), (1, 1)] {
        let returned = [&[which, 0, 0, 0, 64, 0, 0, 0][..], &(hostile.len() as u32).to_le_bytes()].concat();
        let text = format!(
            r#"(component
              (core module $m (memory (export "memory") 1)
                (data (i32.const 16) "{}") (data (i32.const 64) "{}")
                (func (export "f") (result i32) i32.const 16))
              (core instance $i (instantiate $m))
              (func (export "f") (result (result string (error string)))
                (canon lift (core func $i "f") (memory $i "memory"))))"#,
            bytes(&returned),
            bytes(hostile.as_bytes())
        );
        let desk = Desk::new();
        desk.write("guest.wasm", wat::parse_str(text).unwrap());
        for more in [&[][..], &["--json"]] {
            let said = desk.run(&[&["call", "guest.wasm", "f()", "--dev"], more].concat());
            assert_eq!(said.status, status, "{said:?}");
            let acts = |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{202e}' | '\u{ad}'));
            assert!(!said.out.contains(acts) && !said.err.contains(acts), "{said:?}");
            assert!(said.out.contains("]0;t"), "{said:?}");
        }
    }
}
