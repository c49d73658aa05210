//! The guests that speak to each other: each is what its world says, and does what its README says.
//!
//! There is no kernel here, only the bare library with a host of the test's own, so that what the kernel's tests find is
//! the kernel's. Rust and text run everywhere; the others if `AIRSSYS_POLYGLOT_DIR` names the directory that
//! `tests/guests/build-polyglot.sh` wrote.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    reason = "a test"
)]

#[path = "support/bare_speech.rs"]
mod bare_speech;
mod guests;
#[path = "support/interfaces.rs"]
mod interfaces;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bare_speech::{Guest, Mailbox, bytes, text};
use interfaces::{Interfaces, of_component, of_world};
use wasmtime::component::Val;

const MESSAGING: &str = "airssys:runtime/messaging@0.1.0";
const DELEGATION: &str = "airssys:runtime/delegation@0.1.0";
const TYPES: &str = "airssys:runtime/types@0.1.0";
const HANDLER: &str = "airssys:runtime/handler@0.1.0";
const STATE: &str = "airssys:runtime/state@0.1.0";

/// A guest, its world in `speak/worlds.wit`, and the interfaces that it imports and exports beside WASI; the empty name
/// is the world's root.
type Row = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const RUST: &[Row] = &[
    ("probe-actor", "probe-actor", &[DELEGATION, MESSAGING, TYPES], &["", HANDLER, STATE]),
    ("probe-actor-2", "probe-actor", &[DELEGATION, MESSAGING, TYPES], &["", HANDLER, STATE]),
    ("probe-poller", "probe-poller", &[MESSAGING, TYPES], &[]),
    (
        "probe-callee",
        "probe-callee",
        &[MESSAGING, TYPES],
        &["acme:text/greet@1.2.0", "acme:text/shout@1.2.0"],
    ),
    (
        "probe-caller",
        "probe-caller",
        &["acme:text/greet@1.0.0", "acme:text/shout@1.0.0", MESSAGING, TYPES],
        &["", HANDLER],
    ),
];

/// The tool chains for JavaScript and Python leave their own `init` behind: at the root, and in `exports`.
const OTHERS: &[Row] = &[
    ("c-actor", "actor", &[MESSAGING, TYPES], &[HANDLER]),
    ("js-actor", "actor", &[DELEGATION, MESSAGING, TYPES], &["", HANDLER]),
    ("js-greeter", "greeter", &[], &["", "acme:text/greet@1.2.0"]),
    ("python-actor", "actor", &[DELEGATION, MESSAGING, TYPES], &[HANDLER, "exports"]),
];

/// The component in another language, when there are any.
fn built(name: &str) -> Option<Vec<u8>> {
    let Some(directory) = std::env::var_os("AIRSSYS_POLYGLOT_DIR") else {
        eprintln!("skipped: AIRSSYS_POLYGLOT_DIR is not set, so there is no `{name}` to run");
        return None;
    };
    let path = Path::new(&directory).join(format!("{name}.wasm"));
    Some(fs::read(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display())))
}

fn names(interfaces: &Interfaces) -> Vec<&str> {
    interfaces.keys().map(String::as_str).collect()
}

/// What is imported stands in `allowed`, each function with the same type.
fn is_among(given: &Interfaces, allowed: &Interfaces) -> bool {
    given.iter().all(|(interface, functions)| {
        functions.iter().all(|(name, ty)| allowed.get(interface).and_then(|all| all.get(name)) == Some(ty))
    })
}

fn speaks(component: &[u8], &(name, world, imports, exports): &Row) {
    let (imported, exported) = of_component(component);
    assert_eq!(names(&imported), imports, "imports of `{name}`");
    assert_eq!(names(&exported), exports, "exports of `{name}`");
    let (may_import, must_export) = of_world(&guests::root(), world);
    assert!(is_among(&imported, &may_import), "`{name}` imports {imported:#?}, its world {may_import:#?}");
    assert!(is_among(&must_export, &exported), "`{name}` exports {exported:#?}, its world {must_export:#?}");
}

#[test]
fn each_rust_guest_speaks_as_its_world_says() {
    for row in RUST {
        speaks(&guests::component(row.0), row);
    }
}

#[test]
fn each_guest_in_another_language_speaks_as_its_world_says() {
    for row in OTHERS {
        if let Some(component) = built(row.0) {
            speaks(&component, row);
        }
    }
}

#[test]
fn the_smallest_actor_speaks_as_its_world_says_and_answers_with_what_it_was_told() {
    let component = guests::text("actor");
    speaks(&component, &("actor", "actor", &[TYPES], &[HANDLER]));
    let files = tempfile::tempdir().unwrap();
    let mut actor = Guest::start(&component, files.path(), &Arc::default(), None);
    for body in ["", "x", "Größe 🦀", &"x".repeat(200_000)] {
        assert_eq!(actor.handle(body), Ok(Some(body.to_owned())));
    }
}

#[test]
fn an_exporter_whose_functions_differ_does_not_give_what_its_caller_imports() {
    let (imported, _) = of_component(&guests::component("probe-caller"));
    let wanted = &imported["acme:text/greet@1.0.0"];
    for (name, version) in [("greet-differs", "1.2.0"), ("greet-lacks", "1.2.0")] {
        let (_, exported) = of_component(&guests::text(name));
        let given = &exported[&format!("acme:text/greet@{version}")];
        assert!(wanted.iter().any(|(name, ty)| given.get(name) != Some(ty)), "`{name}` has {given:?}");
    }
    // The function is the right one here; what differs is the version.
    let (_, exported) = of_component(&guests::text("greet-older"));
    assert_eq!(names(&exported), ["acme:text/greet@0.9.0"]);
    assert_eq!(&exported["acme:text/greet@0.9.0"], wanted);
}

#[test]
fn what_the_caller_imports_is_all_among_what_the_callee_exports_in_a_newer_version() {
    let (imported, _) = of_component(&guests::component("probe-caller"));
    let (_, exported) = of_component(&guests::component("probe-callee"));
    for interface in ["shout", "greet"] {
        let wanted = &imported[&format!("acme:text/{interface}@1.0.0")];
        let given = &exported[&format!("acme:text/{interface}@1.2.0")];
        assert!(!wanted.is_empty());
        assert!(wanted.iter().all(|(name, ty)| given.get(name) == Some(ty)), "{wanted:#?} {given:#?}");
    }
    assert!(exported["acme:text/shout@1.2.0"].contains_key("whisper"));
    assert!(!of_world(&guests::root(), "probe-caller").0["acme:text/shout@1.0.0"].contains_key("whisper"));
}

#[test]
fn handles_stand_in_the_interfaces_that_cannot_be_linked() {
    let (imported, _) = of_component(&guests::text("handles-importer"));
    assert_eq!(imported["acme:text/handles@1.0.0"]["open"], "(name: string) -> own<handle>");
    let (_, exported) = of_component(&guests::text("handles-exporter"));
    assert_eq!(imported, exported);
    let (imported, _) = of_component(&guests::text("handles-hidden"));
    let hidden = &imported["acme:text/hidden@1.0.0"];
    assert_eq!(hidden["close"], "(row: record<name: string, held: list<option<borrow<handle>>>>)");
    assert_eq!(hidden["greet"], "(name: string) -> string");
}

/// What every actor does, in whatever language.
fn acts(name: &str, component: &[u8]) {
    let files = tempfile::tempdir().unwrap();
    fs::write(files.path().join("a"), "contents").unwrap();
    let mut actor = Guest::start(component, files.path(), &Arc::default(), None);
    for (body, answer) in [
        ("only heard", Ok(None)),
        ("", Ok(None)),
        ("fail:no", Err("no")),
        ("forward:acme/gone=x", Err("unreachable")),
        ("echo:", Ok(Some(""))),
        ("echo:Größe 🦀", Ok(Some("Größe 🦀"))),
        ("read:/data/a", Ok(Some("contents"))),
        ("forward:acme/echo=a=b", Ok(Some("a=b"))),
        ("forward:acme/echo=", Ok(Some(""))),
    ] {
        let answer = answer.map(|answer| answer.map(str::to_owned)).map_err(str::to_owned);
        assert_eq!(actor.handle(body), answer, "`{name}`, `{body}`");
    }
    // How a language tells of them is its own matter; that they are told apart is not.
    for (body, told) in
        [("forward:acme/small=x", "too-large"), ("forward:acme/failing=x", "failed"), ("read:/data/none", "")]
    {
        let why = actor.handle(body).unwrap_err();
        assert!(why.starts_with(told) && !why.is_empty(), "`{name}`, `{body}`: {why}");
    }
    // Many in a row: nothing is given back twice, nor kept for ever.
    let long = "x".repeat(2000);
    for _ in 0..2000 {
        assert_eq!(actor.handle(&format!("echo:{long}")), Ok(Some(long.clone())), "`{name}`");
    }
}

#[test]
fn an_actor_in_rust_does_what_messages_say() {
    acts("probe-actor", &guests::component("probe-actor"));
}

#[test]
fn actors_in_other_languages_do_what_messages_say() {
    for name in ["c-actor", "js-actor", "python-actor"] {
        if let Some(component) = built(name) {
            acts(name, &component);
        }
    }
}

#[test]
fn a_state_that_is_none_is_refused_and_one_that_is_outlives_its_version() {
    let files = tempfile::tempdir().unwrap();
    let start = |name| Guest::start(&guests::component(name), files.path(), &Arc::default(), None);
    let (mut first, mut second) = (start("probe-actor"), start("probe-actor-2"));
    assert_eq!((first.ask("version:"), second.ask("version:")), (Ok("1".to_owned()), Ok("2".to_owned())));
    assert_eq!(first.ask("all:count:;;count:"), Ok("1\n2".to_owned()));
    let refused = second.call(Some(STATE), "restore-state", &[bytes("bad one")]);
    assert!(matches!(refused, Some(Val::Result(Err(Some(why)))) if text(&why) == "bad state `bad one`"));
    let Some(Val::Result(Ok(Some(state)))) = first.call(Some(STATE), "save-state", &[]) else { panic!() };
    let restored = second.call(Some(STATE), "restore-state", &[*state]);
    assert!(matches!(restored, Some(Val::Result(Ok(None)))));
    assert_eq!(second.ask("count:"), Ok("3".to_owned()));
    first.ask("state:save-fail").unwrap();
    let refused = first.call(Some(STATE), "save-state", &[]);
    assert!(matches!(refused, Some(Val::Result(Err(Some(why)))) if text(&why) == "asked not to save"));
}

#[test]
fn an_actor_tells_all_that_there_is_about_a_message() {
    let files = tempfile::tempdir().unwrap();
    let mut actor = Guest::start(&guests::component("probe-actor"), files.path(), &Arc::default(), None);
    actor.handle("hello").unwrap();
    let told = "id=7 sender=acme/sender topic=none wants-reply=true ttl=250 deliveries=1 missed=0 body=hello";
    assert_eq!(actor.ask("heard:"), Ok(told.to_owned()));
    assert_eq!(actor.ask("self:"), Ok("acme/me".to_owned()));
    assert_eq!(actor.ask("request:acme/failing,10=x"), Err("failed(why)".to_owned()));
    assert_eq!(actor.ask("forward:acme/small=x"), Err("too-large(5)".to_owned()));
}

#[test]
fn the_poller_deals_with_each_message_as_it_came_until_it_is_told_to_stop() {
    let files = tempfile::tempdir().unwrap();
    let poll = |bodies: &[(&str, bool)]| {
        let mailbox = Mailbox::with(bodies);
        let mut poller = Guest::start(&guests::component("probe-poller"), files.path(), &mailbox, None);
        let run = of_run(&guests::component("probe-poller"));
        (poller.try_call(Some(&run), "run", &[]), mailbox.done())
    };
    let (ended, done) =
        poll(&[("echo:hi", true), ("tell", false), ("ignore:", true), ("stop:", true), ("late", false)]);
    assert!(matches!(ended, Ok(Some(Val::Result(Ok(None))))), "{ended:?}");
    assert_eq!(done, ["reply 1 hi", "acknowledge 2", "reply 4 stopped"]);
    let (ended, done) = poll(&[]);
    assert!(failed(&ended), "{ended:?}");
    assert!(done.is_empty());
}

/// Whether a command told that it failed: its tool chain either returns that from `run`, or says it by
/// `wasi:cli/exit`, which to the library is a trap.
fn failed(ended: &wasmtime::Result<Option<Val>>) -> bool {
    match ended {
        Ok(value) => matches!(value, Some(Val::Result(Err(None)))),
        Err(trap) => format!("{trap:#}").contains("exit status 1"),
    }
}

/// `wasi:cli/run` in the version that the tool chain has.
fn of_run(component: &[u8]) -> String {
    let engine = wasmtime::Engine::default();
    let component = wasmtime::component::Component::new(&engine, component).unwrap();
    let ty = component.component_type();
    let mut exports = ty.exports(&engine).map(|(name, _)| name.to_owned());
    exports.find(|name| name.starts_with("wasi:cli/run@")).unwrap()
}

#[test]
fn every_kind_of_value_crosses_from_the_caller_to_the_callee_and_back() {
    let (its, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(its.path().join("a"), "the callee's").unwrap();
    fs::write(own.path().join("a"), "the caller's").unwrap();
    let callee = Guest::start(&guests::component("probe-callee"), its.path(), &Arc::default(), None);
    let callee = Arc::new(Mutex::new(callee));
    let mut caller =
        Guest::start(&guests::component("probe-caller"), own.path(), &Arc::default(), Some(&callee));
    for (verb, answer) in [
        ("read:/data/none", Err("NotFound: No such file or directory (os error 44)")),
        ("kinds:", Ok("16 kinds")),
        ("greet:Ada", Ok("Hello, Ada! (Rust)")),
        ("count:", Ok("1")),
        ("count:", Ok("2")),
        ("much:70000", Ok("70000")),
        ("nothing:", Ok("")),
        ("read:/data/a", Ok("the callee's")),
        ("own-read:/data/a", Ok("the caller's")),
        ("relay:acme/echo=hi", Ok("hi")),
    ] {
        let answer = answer.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(caller.ask(verb), answer, "`{verb}`");
    }
}

#[test]
fn a_greeter_in_javascript_greets_the_caller_in_rust() {
    let Some(component) = built("js-greeter") else { return };
    let files = tempfile::tempdir().unwrap();
    let greeter = Arc::new(Mutex::new(Guest::start(&component, files.path(), &Arc::default(), None)));
    let caller = guests::component("probe-caller");
    let mut caller = Guest::start(&caller, files.path(), &Arc::default(), Some(&greeter));
    assert_eq!(caller.ask("greet:Größe"), Ok("Hello, Größe! (JavaScript)".to_owned()));
}
