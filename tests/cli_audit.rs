//! `airssys audit show` and `verify`, on the built command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods, reason = "tests prepare and look at real files")]

mod cli_support;

use airssys_wasm::audit::{Hash, Head};
use cli_support::{Desk, log};

const POLICY: &str = "permit (principal, action == Action::\"fs:read\", resource in Path::\"/photos\");";

fn desk() -> (Desk, Head) {
    let desk = Desk::new();
    let head = log(&desk.path("log"), POLICY);
    (desk, head)
}

fn lines(desk: &Desk) -> Vec<String> {
    String::from_utf8(desk.read("log")).unwrap().lines().map(str::to_owned).collect()
}

fn rewrite(desk: &Desk, change: impl FnOnce(&mut Vec<String>)) {
    let mut lines = lines(desk);
    change(&mut lines);
    desk.write("log", lines.join("\n") + "\n");
}

#[test]
fn an_altered_log_is_refused_and_the_record_is_named() {
    type Change = fn(&mut Vec<String>);
    let cases: [(Change, &str); 4] = [
        (|lines| lines[3] = lines[3].replace("passwd", "shadow"), "record 3, line 4, was changed"),
        (|lines| drop(lines.remove(2)), "record 2 is missing"),
        (|lines| lines.swap(2, 3), "record 3 was moved"),
        (|lines| lines.insert(2, lines[3].clone()), "record 3 stands a second time"),
    ];
    for (change, said) in cases {
        let (desk, _) = desk();
        rewrite(&desk, change);
        let error = desk.run(&["audit", "verify", "log"]);
        assert_eq!((error.status, error.err.lines().count()), (126, 1), "{error:?}");
        assert!(error.err.contains(said) && error.out.contains(said), "{error:?}");
        let error = desk.run(&["--json", "audit", "verify", "log"]);
        assert_eq!(
            (&error.json()["sound"], &error.err_json()["error"]["kind"]),
            (&false.into(), &"refused".into())
        );
    }
}

#[test]
fn a_log_that_was_cut_off_does_not_hold_its_head() {
    let (desk, head) = desk();
    let head = head.to_string();
    desk.run(&["audit", "verify", "log", "--head", &head]).is_done();
    rewrite(&desk, |lines| drop(lines.pop()));
    let said = desk.run(&["audit", "verify", "log", "--head", &head]);
    assert!(said.status == 126 && said.err.contains("was cut off"), "{said:?}");
    let said = desk.run(&["audit", "verify", "log"]);
    assert!(said.is_done().out.contains("tail unproven"), "{said:?}");
}

#[test]
fn a_torn_last_line_is_told_from_tampering() {
    let (desk, _) = desk();
    let mut bytes = desk.read("log");
    bytes.truncate(bytes.len() - 20);
    desk.write("log", bytes);
    let said = desk.run(&["audit", "verify", "log"]);
    assert!(said.is_done().out.contains("torn: "), "{said:?}");
}

#[test]
fn a_format_that_was_changed_is_tampering_and_an_honest_other_one_is_not() {
    let (desk, _) = desk();
    rewrite(&desk, |lines| lines[0] = lines[0].replace("\"format\":1", "\"format\":2"));
    for command in ["verify", "show"] {
        let said = desk.run(&["audit", command, "log"]);
        assert!(said.status == 126 && !said.err.contains("of format 2"), "{said:?}");
    }
    rewrite(&desk, |lines| {
        let (body, _) = lines[0].split_once(",\"hash\":").unwrap();
        let hash = Hash::of(format!("{body}}}").as_bytes());
        lines[0] = format!("{body},\"hash\":\"{hash}\"}}");
    });
    for command in ["verify", "show"] {
        let said = desk.run(&["audit", command, "log"]);
        assert!(said.is_one_sentence(125).contains("the log is of format 2"), "{said:?}");
    }
}

#[test]
fn an_empty_log_proves_nothing_and_is_no_success() {
    let (desk, head) = desk();
    desk.write("log", "");
    let said = desk.run(&["audit", "verify", "log"]);
    assert_eq!((said.status, said.err.lines().count()), (125, 1), "{said:?}");
    assert!(said.err.contains("nothing to verify") && said.out.contains("tail unproven"), "{said:?}");
    assert!(
        said.out.starts_with("nothing to verify: 0 records\n") && !said.out.contains("sound"),
        "{said:?}"
    );
    let said = desk.run(&["audit", "verify", "log", "--json"]);
    assert_eq!((said.status, &said.json()["sound"]), (125, &false.into()), "{said:?}");
    let said = desk.run(&["audit", "verify", "log", "--head", &head.to_string()]);
    assert!(said.status == 126 && said.err.contains("was cut off"), "{said:?}");
}

#[test]
fn what_is_wrong_with_a_line_is_told_without_acting_on_the_terminal() {
    let (desk, _) = desk();
    rewrite(&desk, |lines| lines[1] = "{\"\\u001b]0;x\\u0007\\u202e\":1}".to_owned());
    for command in ["verify", "show"] {
        let said = desk.run(&["audit", command, "log"]);
        assert_eq!(said.status, 126, "{said:?}");
        for hidden in ['\u{1b}', '\u{7}', '\u{202e}'] {
            assert!(!said.out.contains(hidden) && !said.err.contains(hidden), "{said:?}");
        }
    }
}

#[test]
fn a_head_that_is_none_is_wrong_usage() {
    let (desk, _) = desk();
    for head in ["", "7", "7:abc", "x:y"] {
        let said = desk.run(&["audit", "verify", "log", "--head", head]);
        assert_eq!((said.status, said.out.as_str()), (125, ""), "{said:?}");
    }
}

#[test]
fn what_is_no_log_is_refused() {
    let desk = Desk::new();
    desk.write("text", "hello\nworld\n");
    assert_eq!(desk.run(&["audit", "verify", "text"]).status, 126);
    let said = desk.run(&["audit", "show", "text"]);
    assert!(said.is_one_sentence(126).contains("line 1 is not as it was written"), "{said:?}");
    for command in ["show", "verify"] {
        let said = desk.run(&["audit", command, "gone"]);
        assert!(said.is_one_sentence(125).contains("no such file"), "{said:?}");
        assert_eq!(desk.run(&["audit", command, "."]).status, 125);
    }
}

#[test]
fn filters_that_name_nothing_known_are_wrong_usage() {
    let (desk, _) = desk();
    for filter in [["--verdict", "maybe"], ["--kind", "tape"], ["--last", "0"], ["--since", "-1"]] {
        let said = desk.run(&[&["audit", "show", "log"], &filter[..]].concat());
        assert_eq!((said.status, said.out.as_str()), (125, ""), "{said:?}");
    }
}

#[test]
fn records_are_shown_by_filter() {
    let (desk, _) = desk();
    let show = |more: &[&str]| desk.run(&[&["audit", "show", "log"], more].concat()).is_done().out.clone();
    assert_eq!(show(&[]).lines().count(), lines(&desk).len());
    let denied = show(&["--verdict", "deny", "--action", "fs"]);
    assert_eq!(denied.lines().count(), 1, "{denied}");
    assert!(denied.contains("deny fs:read Path::\"/etc/passwd\""), "{denied}");
    assert_eq!(show(&["--subject", "acme/*", "--kind", "decision"]).lines().count(), 3);
    assert_eq!(show(&["--subject", "other/*"]), "");
    let last = show(&["--kind", "decision", "--last", "2"]);
    assert_eq!(last.lines().count(), 2);
    assert!(last.starts_with("#3 "), "{last}");
}

#[test]
fn records_in_json_are_the_lines_of_the_log() {
    let (desk, _) = desk();
    let shown = desk.run(&["audit", "show", "log", "--json"]).is_done().out.clone();
    assert_eq!(shown.lines().collect::<Vec<_>>(), lines(&desk));
}

#[test]
fn a_sound_log_has_its_head_printed() {
    let (desk, head) = desk();
    let said = desk.run(&["audit", "verify", "log"]);
    assert!(said.is_done().out.contains(&format!("head {head}")), "{said:?}");
    let value = desk.run(&["audit", "verify", "log", "--json"]).is_done().json();
    assert_eq!((&value["head"], &value["tail"]), (&head.to_string().into(), &"unproven".into()));
}

#[test]
fn json_says_nothing_that_acts_on_a_terminal() {
    let (desk, _) = desk();
    let said = desk.run(&["--json", "run", "a\u{9b}\u{202e}\u{7f}.wasm"]);
    assert!(said.err.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{:?}", said.err);
    assert!(said.err.contains(r"`a\\u{9b}\\u{202e}\\u{7f}.wasm`"), "{:?}", said.err);
    let said = desk.run(&["--json", "keygen", "-o", "a\u{9b}\u{202e}\u{7f}"]);
    assert!(
        said.is_done().out.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)),
        "{said:?}"
    );
    assert!(said.out.contains(r#""a\u009b\u202e\u007f""#), "{said:?}");
}
