//! `airssys keygen`, `sign` and `verify`, on the built command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods, reason = "tests prepare and look at real files")]

mod cli_support;

use cli_support::{COMPONENT, Desk, MANIFEST};

const SIGN: [&str; 8] =
    ["sign", "thumb.wasm", "--manifest", "plugin.toml", "--key", "author.key", "-o", "signed.wasm"];
const VERIFY: [&str; 4] = ["verify", "signed.wasm", "--trust", "trust.toml"];

fn sign_with(desk: &Desk, at: usize, value: &str) -> cli_support::Said {
    let mut arguments = SIGN;
    arguments[at] = value;
    desk.run(&arguments)
}

#[test]
fn keygen_overwrites_neither_file_and_leaves_no_half_of_a_pair() {
    for there in ["author.key", "author.pub"] {
        let desk = Desk::new();
        desk.write(there, "mine");
        let said = desk.run(&["keygen"]);
        let sentence = said.is_one_sentence(125);
        assert!(sentence.contains(there) && sentence.contains("nothing is overwritten"), "{sentence}");
        assert_eq!(desk.names(), [there]);
        assert_eq!(desk.read(there), b"mine");
    }
}

#[cfg(unix)]
#[test]
fn keygen_writes_through_no_dangling_link() {
    let desk = Desk::new();
    std::os::unix::fs::symlink("elsewhere", desk.path("author.key")).unwrap();
    assert_eq!(desk.run(&["keygen"]).status, 125);
    assert_eq!(desk.names(), ["author.key"]);
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_a_new_key() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    desk.run(&["keygen", "-o", "a.key"]).is_done();
    let mode = |name| std::fs::metadata(desk.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("a.key"), 0o600);
    assert_ne!(mode("a.pub") & 0o400, 0);
    assert_eq!(desk.names(), ["a.key", "a.pub"]);
}

#[test]
fn keygen_prints_the_key_id_and_the_lines_for_the_trust_file_and_never_the_secret() {
    let desk = Desk::new();
    let said = desk.run(&["keygen", "--json"]);
    let value = said.is_done().json();
    assert_eq!(value["key_id"].as_str().unwrap().len(), 24);
    let trust = value["trust"].as_str().unwrap();
    assert!(trust.contains(value["key"].as_str().unwrap()));
    desk.write("trust.toml", trust);
    desk.write("plugin.toml", MANIFEST.replace("acme", "your-name"));
    desk.write("thumb.wasm", COMPONENT);
    desk.run(&SIGN).is_done();
    desk.run(&VERIFY).is_done();
    let secret = String::from_utf8(desk.read("author.key")).unwrap();
    let body = secret.lines().nth(1).unwrap();
    assert!(!said.out.contains(body) && !said.err.contains(body));
}

#[test]
fn a_key_cannot_be_named_like_its_public_half() {
    let desk = Desk::new();
    for name in ["a.pub", "..", ""] {
        assert_eq!(desk.run(&["keygen", "-o", name]).status, 125, "{name}");
    }
    assert_eq!(desk.run(&["keygen", "-o", "no/such/a.key"]).status, 125);
    assert!(desk.names().is_empty());
}

#[test]
fn sign_writes_over_none_of_the_files_it_reads() {
    let desk = Desk::with_signed(COMPONENT);
    for (name, what) in [("thumb.wasm", "component"), ("plugin.toml", "manifest"), ("./author.key", "key")] {
        let before = desk.read(name);
        let said = sign_with(&desk, 7, name);
        let sentence = said.is_one_sentence(125);
        assert!(sentence.contains(&format!("is the {what} itself")), "{sentence}");
        assert_eq!(desk.read(name), before);
    }
}

#[test]
fn what_cannot_be_signed_leaves_no_output() {
    let desk = Desk::with_signed(COMPONENT);
    std::fs::remove_file(desk.path("signed.wasm")).unwrap();
    let names = desk.names();
    for (at, name, content, status, said) in [
        (1, "core.wasm", &b"\0asm\x01\0\0\0"[..], 126, "core module"),
        (1, "text.wat", b"(component)", 126, "not a WebAssembly binary"),
        (3, "bad.toml", b"[component]\nnmae = 'x'", 125, "bad.toml:2:1: unknown field `nmae`"),
        (3, "latin.toml", b"# \xe4\n", 125, "byte 2 is not UTF-8"),
        (5, "no.key", b"hello", 125, "this is not a secret key"),
        (5, "bin.key", b"\xff", 125, "not UTF-8"),
    ] {
        desk.write(name, content);
        let error = sign_with(&desk, at, name);
        assert_eq!((error.status, error.out.as_str()), (status, ""), "{error:?}");
        assert!(error.err.contains(said), "{error:?}");
        std::fs::remove_file(desk.path(name)).unwrap();
        assert_eq!(desk.names(), names);
    }
    let public = sign_with(&desk, 5, "author.pub");
    assert!(public.is_one_sentence(125).contains("public key where a secret key belongs"), "{public:?}");
    let missing = sign_with(&desk, 1, "none.wasm");
    assert_eq!(missing.is_one_sentence(127), "airssys: there is no component `none.wasm`; correct the path");
    assert_eq!(sign_with(&desk, 7, "no/such/out.wasm").status, 125);
    assert_eq!(sign_with(&desk, 7, ".").status, 125);
    assert_eq!(desk.names(), names);
}

#[cfg(unix)]
#[test]
fn a_device_is_not_replaced_by_the_output() {
    let desk = Desk::with_signed(COMPONENT);
    cli_support::fifo(&desk.path("pipe"));
    let said = sign_with(&desk, 7, "pipe");
    assert!(said.is_one_sentence(125).contains("not a regular file"), "{said:?}");
    use std::os::unix::fs::FileTypeExt;
    assert!(std::fs::metadata(desk.path("pipe")).unwrap().file_type().is_fifo());
}

#[test]
fn signing_replaces_an_older_output_whole() {
    let desk = Desk::with_signed(COMPONENT);
    let before = desk.read("signed.wasm");
    desk.write("plugin.toml", MANIFEST.replace("release = 4", "release = 5"));
    desk.run(&SIGN).is_done();
    assert_ne!(desk.read("signed.wasm"), before);
    let value = desk.run(&[&VERIFY[..], &["--json"]].concat()).is_done().json();
    assert_eq!(value["release"], 5);
    assert_eq!(
        desk.names(),
        ["author.key", "author.pub", "plugin.toml", "signed.wasm", "thumb.wasm", "trust.toml"]
    );
}

#[test]
fn a_component_that_is_not_to_be_trusted_is_refused_in_one_sentence_with_the_remedy() {
    let desk = Desk::with_signed(COMPONENT);
    let mut changed = desk.read("signed.wasm");
    *changed.last_mut().unwrap() ^= 1;
    desk.write("changed.wasm", changed);
    desk.write("empty.toml", "");
    for (component, trust, said) in [
        ("thumb.wasm", "trust.toml", "the component is not signed"),
        ("changed.wasm", "trust.toml", "was changed after it was signed"),
        ("signed.wasm", "empty.toml", "publisher `acme` of component `acme/thumb` is not trusted"),
    ] {
        let error = desk.run(&["verify", component, "--trust", trust]);
        let sentence = error.is_one_sentence(126);
        assert!(sentence.contains(said) && sentence.contains("; "), "{sentence}");
        let value = desk.run(&["--json", "verify", component, "--trust", trust]).err_json();
        assert_eq!((&value["error"]["status"], &value["error"]["kind"]), (&126.into(), &"refused".into()));
        assert!(value["error"]["message"].as_str().unwrap().contains(said), "{value}");
        assert!(value["error"]["help"].is_string());
    }
}

#[test]
fn a_mistake_in_the_trust_file_is_shown_where_it_stands() {
    let desk = Desk::with_signed(COMPONENT);
    desk.write("trust.toml", "[[publisher]]\nname = 'acme'\nname = ['*']\n");
    let said = desk.run(&VERIFY);
    assert_eq!((said.status, said.out.as_str()), (125, ""));
    assert!(said.err.contains("trust.toml:3:1: duplicate key"), "{}", said.err);
    desk.write(
        "trust.toml",
        "[[publisher]]\nname = 'acme'\nnames = ['*']\n[[publisher.key]]\nfile = 'gone.pub'\n",
    );
    let said = desk.run(&VERIFY);
    assert!(said.status == 125 && said.err.contains("key file `gone.pub` cannot be read"), "{said:?}");
}

#[test]
fn key_files_are_found_beside_the_trust_file() {
    let desk = Desk::with_signed(COMPONENT);
    std::fs::create_dir(desk.path("conf")).unwrap();
    for name in ["trust.toml", "author.pub"] {
        std::fs::rename(desk.path(name), desk.path(&format!("conf/{name}"))).unwrap();
    }
    desk.run(&["verify", "signed.wasm", "--trust", "conf/trust.toml"]).is_done();
}

#[test]
fn a_good_component_is_shown_with_what_it_is() {
    let desk = Desk::with_signed(COMPONENT);
    let said = desk.run(&VERIFY);
    assert_eq!(said.is_done().err, "");
    assert!(said.out.contains("acme/thumb") && said.out.contains("1.2.3, release 4"), "{}", said.out);
    let value = desk.run(&["verify", "--json", "signed.wasm", "--trust", "trust.toml"]).is_done().json();
    assert_eq!((&value["component"], &value["verified"]), (&"acme/thumb".into(), &true.into()));
    assert_eq!(value["digest"].as_str().unwrap().len(), 64);
}
