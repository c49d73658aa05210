//! An interface of the embedder's own: nothing of it runs without a decision, and it ends with its permission.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod guests;
mod support;

use airssys_osl::{ActionId, Outcome};
use airssys_wasm::audit::{Log, Memory, Sink};
use airssys_wasm::embed::{Asks, Component, ComponentRuntime, Config, Error, HostInterface};
use airssys_wasm::policy::{Policies, Question, Source, Suggestion, Words, explain};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use wasmtime::component::{Resource, Val};

mod bindings {
    wasmtime::component::bindgen!({
        path: "examples/contacts/contacts.wit",
        world: "visitor",
        with: { "acme:crm/contacts.cursor": super::Cursor },
    });
}
use bindings::acme::crm::contacts::{Contact, Problem};

const SCHEMA: &str = include_str!("../examples/contacts/contacts.cedarschema");
const ENTITIES: &str = include_str!("../examples/contacts/contacts.json");
const NAME: &str = "acme:crm/contacts@1.0.0";
const ALL: &str = r#"permit (principal, action, resource);"#;

pub struct Cursor(u64);

/// What ran, over all instances, and what must be dropped when it is given up.
#[derive(Clone, Default)]
struct Ran {
    gets: Arc<AtomicU64>,
    notes_begun: Arc<AtomicU64>,
    notes_dropped: Arc<AtomicU64>,
}

struct Dropped(Arc<AtomicU64>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

type Kept = AtomicU64;

fn get(interface: HostInterface<Kept>, ran: &Ran) -> HostInterface<Kept> {
    let ran = ran.clone();
    let asks = Asks::on("Acme::contact:read", "Acme::Contact", |(name,): &(String,)| {
        if name == "nobody" { Err("nobody is no contact".to_owned()) } else { Ok(name.clone()) }
    });
    interface.function(
        "get",
        asks.answer(|_| (Err(Problem::NotPermitted),)),
        move |call, (name,): (String,)| {
            ran.gets.fetch_add(1, Ordering::SeqCst);
            let mine = call.state().fetch_add(1, Ordering::SeqCst) + 1;
            let phone = format!("{mine} of {} on {}", call.principal().name, call.resource().id());
            Ok((Ok(Contact { name, phone }),))
        },
    )
}

fn rest(interface: HostInterface<Kept>, ran: &Ran) -> HostInterface<Kept> {
    let ran = ran.clone();
    interface
        .resource::<Cursor>("cursor")
        .function(
            "[constructor]cursor",
            Asks::on("Acme::team:list", "Acme::Team", |(team,): &(String,)| Ok(team.clone())),
            |call, _| Ok((call.push(Cursor(0))?,)),
        )
        .function(
            "[method]cursor.next",
            Asks::on_handle("Acme::team:list", |(cursor,): &(Resource<Cursor>,)| cursor).answer(|_| (None,)),
            |call, (cursor,)| {
                let cursor = call.get(&cursor)?;
                cursor.0 += 1;
                Ok((Some(cursor.0.to_string()),))
            },
        )
        .function_async(
            "send-note",
            Asks::on("Acme::contact:write-to", "Acme::Contact", |(to, _): &(String, String)| Ok(to.clone()))
                .answer(|_| (Err(Problem::NotPermitted),)),
            move |_, (_, text)| {
                ran.notes_begun.fetch_add(1, Ordering::SeqCst);
                let dropped = Dropped(Arc::clone(&ran.notes_dropped));
                Ok(async move {
                    let _dropped = dropped;
                    let seconds = if text == "long" { 3600 } else { 0 };
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    Ok((Ok::<(), Problem>(()),))
                })
            },
        )
}

fn contacts(ran: &Ran) -> HostInterface<Kept> {
    rest(get(HostInterface::new(NAME, |_| AtomicU64::new(0)), ran), ran)
        .schema("contacts.cedarschema", SCHEMA)
}

fn config(policy: &str) -> (Config, Memory) {
    let (config, memory) = support::config(policy);
    (config.entities("contacts.json", ENTITIES), memory)
}

fn runtime(policy: &str) -> (ComponentRuntime, Memory, Ran) {
    let ((config, memory), ran) = (config(policy), Ran::default());
    (ComponentRuntime::new(config.host_interface(contacts(&ran))).unwrap(), memory, ran)
}

fn visitor() -> Vec<u8> {
    guests::assembled(&guests::root().join("examples/contacts/visitor.wat"))
}

async fn load(runtime: &ComponentRuntime) -> Component {
    runtime.load_component(support::signed("visitor", &visitor())).await.unwrap()
}

async fn loaded(policy: &str) -> (ComponentRuntime, Component, Memory, Ran) {
    let (runtime, memory, ran) = runtime(policy);
    let component = load(&runtime).await;
    (runtime, component, memory, ran)
}

async fn said(component: &Component, call: &str) -> String {
    match component.call_wave(call).await {
        Ok(answer) => answer.unwrap_or_default(),
        Err(Error::Guest(error)) => error,
        Err(error) => panic!("{call}: {error}"),
    }
}

#[tokio::test]
async fn what_is_denied_does_not_run_and_leaves_its_record() {
    let (_runtime, component, memory, ran) = loaded("").await;
    assert_eq!(said(&component, "get(\"ada\")").await, "not-permitted");
    assert_eq!(said(&component, "note(\"ada\", \"x\")").await, "not-permitted");
    assert_eq!((ran.gets.load(Ordering::SeqCst), ran.notes_begun.load(Ordering::SeqCst)), (0, 0));
    let records = support::of_kind(&memory, "decision");
    assert_eq!(records.len(), 2, "{records:#?}");
    assert_eq!(records[0]["action"], "Acme::contact:read");
    assert_eq!(records[0]["resource"], serde_json::json!({"type": "Acme::Contact", "id": "ada"}));
    assert_eq!(
        (&records[0]["import"], &records[0]["verdict"]),
        (&"acme:crm/contacts#get".into(), &"deny".into())
    );
    let error = component.call_wave("open(\"sales\")").await.unwrap_err();
    assert!(matches!(&error, Error::Denied(denied) if denied.action.name() == "Acme::team:list"), "{error}");
}

#[tokio::test]
async fn one_contact_one_team_and_everybody_are_permitted_each_by_its_own_words() {
    for (policy, read) in [
        (r#"resource == Acme::Contact::"ada""#, [true, false, false]),
        (r#"resource in Acme::Team::"sales""#, [true, true, false]),
        (r#"resource is Acme::Contact in Acme::Team::"sales""#, [true, true, false]),
        (r#"resource is Acme::Contact"#, [true, true, true]),
        (r#"resource"#, [true, true, true]),
    ] {
        let policy = format!("permit (principal, action == Acme::Action::\"contact:read\", {policy});");
        let (_runtime, component, _memory, ran) = loaded(&policy).await;
        for (name, may) in ["ada", "grace", "mallory"].iter().zip(read) {
            let answer = said(&component, &format!("get(\"{name}\")")).await;
            assert_eq!(answer != "not-permitted", may, "{policy} {name}: {answer}");
        }
        assert_eq!(ran.gets.load(Ordering::SeqCst), read.iter().filter(|may| **may).count() as u64);
        assert_eq!(said(&component, "note(\"ada\", \"x\")").await, "not-permitted");
    }
}

#[tokio::test]
async fn a_thing_whose_id_is_the_name_of_a_group_is_not_in_it() {
    let policy = r#"permit (principal, action, resource in Acme::Team::"sales");"#;
    let (_runtime, component, _memory, _ran) = loaded(policy).await;
    for id in ["Acme::Team::\\\"sales\\\"", "sales"] {
        assert_eq!(said(&component, &format!("get(\"{id}\")")).await, "not-permitted", "{id}");
    }
}

/// A disk that is full from some moment on.
struct Full(Arc<AtomicBool>);

impl Sink for Full {
    fn append(&mut self, _line: &[u8]) -> std::io::Result<()> {
        if self.0.load(Ordering::SeqCst) { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn take_back(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn without_a_record_nothing_runs() {
    let (ran, full) = (Ran::default(), Arc::new(AtomicBool::new(false)));
    let log = Log::builder().sink(Full(Arc::clone(&full))).build().unwrap();
    let config = Config::new().trust(support::trust()).policy("all", ALL).audit(Arc::new(log));
    let runtime = ComponentRuntime::new(config.host_interface(contacts(&ran))).unwrap();
    let component = load(&runtime).await;
    full.store(true, Ordering::SeqCst);
    let answer = component.call_wave("get(\"ada\")").await;
    assert!(!matches!(answer, Ok(Some(ref text)) if text.starts_with("ok")), "{answer:?}");
    assert_eq!(ran.gets.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn arguments_that_name_nothing_stop_the_component() {
    for name in
        ["nobody".to_owned(), String::new(), "a\u{202e}b".to_owned(), "a\0b".to_owned(), "x".repeat(5000)]
    {
        let (_runtime, component, memory, ran) = loaded(ALL).await;
        let error = component.call::<_, Val2>("get", &name).await.unwrap_err();
        assert!(matches!(&error, Error::Trap(text) if text.contains("name no resource")), "{error}");
        assert_eq!(ran.gets.load(Ordering::SeqCst), 0);
        let notes = support::of_kind(&memory, "note");
        assert!(notes.iter().any(|note| note["import"] == "acme:crm/contacts#get"), "{notes:#?}");
    }
}

type Val2 = serde_json::Value;

#[tokio::test]
async fn each_instance_has_a_state_of_its_own() {
    let (runtime, one, _memory, _ran) = loaded(ALL).await;
    let other = load(&runtime).await;
    for count in 1..3 {
        let answer = said(&one, "get(\"ada\")").await;
        assert!(answer.contains(&format!("\"{count} of acme/visitor on ada\"")), "{answer}");
    }
    let answer = said(&other, "get(\"ada\")").await;
    assert!(answer.contains("\"1 of acme/visitor on ada\""), "{answer}");
}

#[tokio::test]
async fn a_handle_is_decided_anew_after_a_change_and_dead_after_revocation() {
    let (runtime, component, memory, _ran) = loaded(ALL).await;
    said(&component, "open(\"sales\")").await;
    assert_eq!(said(&component, "step()").await, "some(\"1\")");
    runtime.swap_policy(&[Source::new("none", "")], &[]).unwrap();
    assert_eq!(said(&component, "step()").await, "none");
    runtime.swap_policy(&[Source::new("all", ALL)], &[]).unwrap();
    assert_eq!(said(&component, "step()").await, "some(\"2\")");
    component.revoke().unwrap();
    assert_eq!(said(&component, "step()").await, "none");
    said(&component, "shut()").await;
    let used = support::of_kind(&memory, "decision");
    let of_team: Vec<_> = used.iter().filter(|record| record["resource"]["type"] == "Acme::Team").collect();
    assert!(of_team.iter().all(|record| record["resource"]["id"] == "sales"), "{of_team:#?}");
    assert!(of_team.iter().any(|record| record["verdict"] == "deny"));
}

#[tokio::test]
async fn what_was_dropped_frees_its_handle() {
    let (_runtime, component, _memory, _ran) = loaded(ALL).await;
    // More than an instance may hold at once.
    for _ in 0..10_050 {
        component.call::<_, ()>("open", "sales").await.unwrap();
        component.call::<_, ()>("shut", &()).await.unwrap();
    }
}

async fn under_way(ran: &Ran) {
    while ran.notes_begun.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_waits_is_dropped_when_its_permission_is_lost() {
    for way in ["swap", "revoke", "key"] {
        let (runtime, component, _memory, ran) = loaded(ALL).await;
        let component = Arc::new(component);
        let waiting = tokio::spawn({
            let component = Arc::clone(&component);
            async move { said(&component, "note(\"ada\", \"long\")").await }
        });
        under_way(&ran).await;
        match way {
            "swap" => drop(runtime.swap_policy(&[Source::new("none", "")], &[]).unwrap()),
            "revoke" => component.revoke().unwrap(),
            _ => drop(runtime.revoke_key(&support::KEY.public_key().key_id()).unwrap()),
        }
        let answer = tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap().unwrap();
        assert_eq!((way, answer.as_str()), (way, "not-permitted"));
        assert_eq!(ran.notes_dropped.load(Ordering::SeqCst), 1, "{way}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_waits_goes_on_under_policies_that_still_permit_it() {
    let (runtime, component, _memory, ran) = loaded(ALL).await;
    let noted = tokio::spawn(async move { said(&component, "note(\"ada\", \"short\")").await });
    under_way(&ran).await;
    runtime.swap_policy(&[Source::new("all", ALL)], &[]).unwrap();
    assert_eq!(noted.await.unwrap(), "ok");
}

#[tokio::test]
async fn policies_are_not_changed_from_within_a_function() {
    let cell: Arc<OnceLock<ComponentRuntime>> = Arc::default();
    let inner = Arc::clone(&cell);
    let asks = Asks::on("Acme::contact:read", "Acme::Contact", |(name,): &(String,)| Ok(name.clone()));
    let interface = HostInterface::new(NAME, |_| AtomicU64::new(0)).schema("s", SCHEMA).function(
        "get",
        asks.answer(|_| (Err(Problem::NotPermitted),)),
        move |_, (name,): (String,)| {
            let refused = inner.get().unwrap().swap_policy(&[], &[]).unwrap_err();
            let refused = format!("{refused} {}", inner.get().unwrap().revoke_key("x").unwrap_err());
            Ok((Ok(Contact { name, phone: refused }),))
        },
    );
    let (config, _memory) = config(ALL);
    let runtime = ComponentRuntime::new(config.host_interface(rest(interface, &Ran::default()))).unwrap();
    assert!(cell.set(runtime.clone()).is_ok());
    let answer = said(&load(&runtime).await, "get(\"ada\")").await;
    assert_eq!(answer.matches("from within a function").count(), 2, "{answer}");
}

fn refused(interface: HostInterface<Kept>) -> String {
    let (config, _memory) = support::config("");
    ComponentRuntime::new(config.host_interface(interface)).unwrap_err().to_string()
}

fn named(name: &str) -> HostInterface<Kept> {
    HostInterface::new(name, |_| AtomicU64::new(0)).schema("s", SCHEMA)
}

#[test]
fn no_interface_stands_on_the_track_of_another() {
    for name in ["wasi:clocks/wall-clock@0.2.99", "wasi:filesystem/more@0.2.0", "wasi:sockets/tcp@0.2.0"] {
        assert!(refused(named(name)).contains("is offered on that track of versions already"), "{name}");
    }
    for name in
        ["contacts", "acme:crm/contacts", "Acme:crm/contacts@1.0.0", "acme:crm/contacts@1", "a b:c/d@1.0.0"]
    {
        assert!(refused(named(name)).contains("names no interface"), "{name}");
    }
    let (config, _memory) = support::config("");
    let twice =
        config.host_interface(named("acme:crm/notes@1.0.0")).host_interface(named("acme:crm/notes@1.4.0"));
    let error = ComponentRuntime::new(twice).unwrap_err().to_string();
    assert!(error.contains("`acme:crm/notes@1` is offered"), "{error}");
    let (config, _memory) = support::config("");
    let other = named("acme:crm/notes@2.0.0");
    ComponentRuntime::new(config.host_interface(named("acme:crm/notes@1.0.0")).host_interface(other))
        .unwrap();
}

#[test]
fn a_function_that_asks_for_what_no_schema_has_is_refused() {
    let ran = Ran::default();
    let twice = refused(get(contacts(&ran), &ran));
    assert!(twice.contains("has `get` twice"), "{twice}");
    let no_schema = refused(get(HostInterface::new(NAME, |_| AtomicU64::new(0)), &ran));
    assert!(no_schema.contains("no schema declares the action `Acme::contact:read`"), "{no_schema}");
    let asks = |action: &str, kind: &str| {
        let asks: Asks<(String,), ()> = Asks::on(action, kind, |(name,): &(String,)| Ok(name.clone()));
        refused(named(NAME).function("f", asks, |_, _| Ok(())))
    };
    assert!(asks("Acme::contact:read", "Acme::Team").contains("on `Acme::Contact`, not on `Acme::Team`"));
    assert!(asks("fs:read", "Path").contains("names no action"));
    assert!(asks("Acme::contact:read", "Path").contains("names no type of resource"));
}

#[test]
fn a_schema_adds_to_nothing_that_is_built_in() {
    let refuse = |schema: &str| {
        refused(HostInterface::new(NAME, |_| AtomicU64::new(0)).schema("s.cedarschema", schema))
    };
    let cases = [
        ("entity Contact;", "without a namespace"),
        ("action \"x\";", "without a namespace"),
        ("namespace Acme { entity Contact in [Path]; }", "joins the built-in type"),
        ("namespace Acme { entity Contact in [Group]; }", "joins the built-in type"),
        (
            "namespace Acme { entity C; action \"c:r\" in [Action::\"fs\"] appliesTo { principal: [Component], resource: [C] }; }",
            "",
        ),
        (
            "namespace Acme { action \"c:r\" appliesTo { principal: [Component], resource: [Path] }; }",
            "one type of a namespace",
        ),
        (
            "namespace Acme { entity C; action \"c:r\" appliesTo { principal: [C], resource: [C] }; }",
            "one type of a namespace",
        ),
        (
            "namespace Acme { entity C, D; action \"c:r\" appliesTo { principal: [Component], resource: [C, D] }; }",
            "one type of a namespace",
        ),
        (
            "namespace Acme { entity C; action \"Read it\" appliesTo { principal: [Component], resource: [C] }; }",
            "names no action",
        ),
        (
            "namespace Acme { action \"g\"; } namespace B { entity C; action \"c:r\" in [Acme::Action::\"g\"] appliesTo { principal: [Component], resource: [C] }; }",
            "another namespace",
        ),
        ("namespace Acme {", "s.cedarschema:1"),
    ];
    for (schema, says) in cases {
        let sentence = refuse(schema);
        assert!(sentence.contains(says) && sentence.starts_with("s.cedarschema:"), "{schema}: {sentence}");
    }
}

#[tokio::test]
async fn a_component_that_imports_more_or_other_is_refused_by_name() {
    let ran = Ran::default();
    let (config, _memory) = config(ALL);
    let less = get(named(NAME), &ran);
    let runtime = ComponentRuntime::new(config.host_interface(less)).unwrap();
    let error = runtime.load_component(support::signed("visitor", &visitor())).await.unwrap_err();
    assert!(error.to_string().contains("acme:crm/contacts@1.0.0#"), "{error}");
    let (config, _memory) = self::config(ALL);
    let asks: Asks<(u32,), (u32,)> =
        Asks::on("Acme::contact:read", "Acme::Contact", |(n,): &(u32,)| Ok(n.to_string()));
    let other = rest(named(NAME).function("get", asks, |_, n| Ok(n)), &ran);
    let runtime = ComponentRuntime::new(config.host_interface(other)).unwrap();
    let error = runtime.load_component(support::signed("visitor", &visitor())).await.unwrap_err();
    assert!(error.to_string().contains("acme:crm/contacts@1.0.0"), "{error}");
    let (runtime, _memory) = support::runtime(ALL);
    let error = runtime.load_component(support::signed("visitor", &visitor())).await.unwrap_err();
    assert!(error.to_string().contains("acme:crm/contacts@1.0.0"), "{error}");
}

#[tokio::test]
async fn functions_over_component_values_are_decided_on_alike() {
    let ran = Ran::default();
    let name = |arguments: &Vec<Val>| match arguments.as_slice() {
        [Val::String(name)] => Ok(name.to_string()),
        _ => Err("one name is wanted".to_owned()),
    };
    let denied = Val::Result(Err(Some(Box::new(Val::Enum("not-permitted".into())))));
    let asks = Asks::on("Acme::contact:read", "Acme::Contact", name).answer(move |_| vec![denied.clone()]);
    let gets = Arc::clone(&ran.gets);
    let interface = named(NAME).values("get", asks, move |_, arguments| {
        gets.fetch_add(1, Ordering::SeqCst);
        let field = |name: &str, value: Val| (name.to_owned(), value);
        let contact = vec![field("name", arguments[0].clone()), field("phone", Val::String("1".into()))];
        Ok(vec![Val::Result(Ok(Some(Box::new(Val::Record(contact)))))])
    });
    let policy = r#"permit (principal, action, resource == Acme::Contact::"ada");"#;
    let (config, _memory) = config(policy);
    let runtime = ComponentRuntime::new(config.host_interface(rest(interface, &ran))).unwrap();
    let component = load(&runtime).await;
    assert_eq!(said(&component, "get(\"grace\")").await, "not-permitted");
    assert_eq!(ran.gets.load(Ordering::SeqCst), 0);
    assert_eq!(said(&component, "get(\"ada\")").await, "ok({name: \"ada\", phone: \"1\"})");
}

#[tokio::test]
async fn a_denial_has_its_least_permit_and_inspection_shows_what_is_asked() {
    let (runtime, component, _memory, _ran) = loaded("").await;
    let words = Words::with(&[Source::new("s", SCHEMA)]).unwrap();
    let question = Question {
        principal: component.principal().clone().into(),
        action: ActionId::parse("Acme::contact:read").unwrap(),
        resource: airssys_osl::Resource::parse("Acme::Contact", "ada").unwrap(),
        import: "acme:crm/contacts#get".to_owned(),
        chain: std::sync::Arc::default(),
    };
    let policies = Policies::load_over(&words, &[], &[]).unwrap();
    let explained = explain(&policies, &question);
    let Some(Suggestion::Permit(least)) = explained.suggestion else { panic!("{explained:?}") };
    assert!(
        least.contains(r#"action == Acme::Action::"contact:read", resource == Acme::Contact::"ada""#),
        "{least}"
    );
    let lifted = Policies::load_over(&words, &[Source::new("least", least)], &[]).unwrap();
    assert_eq!(explain(&lifted, &question).verdict, Outcome::Allow.name());
    let shown = runtime.inspect_component(support::signed("visitor", &visitor())).await.unwrap();
    let import = shown.imports.iter().find(|import| import.function == "get").unwrap();
    assert_eq!((import.offered, import.asks.as_slice()), (true, &["Acme::contact:read"][..]));
    assert!(
        shown.outlook.iter().any(|row| row.action == "Acme::contact:read" && row.kind == "Acme::Contact")
    );
}
