//! What is refused before any of its code runs: each for its own reason, each with one record.
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

use airssys_wasm::embed::Error;
use airssys_wasm::identity::{IdentityError, SecretKey, sign};
use airssys_wasm::kernel::LinkError;

/// Traps as soon as any of its code runs.
const BOMB: &str = r#"(component
  (core module $m (func $start unreachable) (start $start))
  (core instance (instantiate $m)))"#;

/// The bomb with an import, of this interface and these contents.
fn bomb(interface: &str, contents: &str) -> Vec<u8> {
    let import = format!("(import \"{interface}\" (instance {contents}))");
    wat::parse_str(BOMB.replacen("(component", &format!("(component {import}"), 1)).unwrap()
}

fn plain_bomb() -> Vec<u8> {
    wat::parse_str(BOMB).unwrap()
}

/// Loads under a policy that allows everything; gives the refusal and its one record.
async fn refused(bytes: Vec<u8>) -> (Error, serde_json::Value) {
    let (runtime, log) = support::runtime(support::ALLOW_ALL);
    let error = runtime.load_component(bytes).await.expect_err("it is refused");
    let records: Vec<_> =
        support::records(&log).into_iter().filter(|record| record["kind"] != "open").collect();
    assert_eq!(records.len(), 1, "{error}: {records:#?}");
    assert_eq!(records[0]["kind"], "refused", "{error}: {records:#?}");
    (error, records[0].clone())
}

/// The import that a signed component is refused for; it is in the record too.
async fn refused_import(bytes: &[u8]) -> String {
    let (error, record) = refused(support::signed("probe", bytes)).await;
    let Error::Import(LinkError::NotOffered { import }) = error else { panic!("{error}") };
    assert_eq!(
        (&record["import"], &record["subject"]),
        (&import.as_str().into(), &"acme/probe".into()),
        "{record:#?}"
    );
    import
}

async fn refused_identity(bytes: Vec<u8>) -> IdentityError {
    let (error, record) = refused(bytes).await;
    let Error::Identity(error) = error else { panic!("{error}") };
    assert!(record["text"].as_str().unwrap().contains(&error.to_string()), "{record:#?}");
    error
}

#[tokio::test]
async fn the_bomb_goes_off_when_it_is_run() {
    let (runtime, log) = support::runtime(support::ALLOW_ALL);
    let error = runtime.load_component(support::signed("probe", &plain_bomb())).await.unwrap_err();
    assert!(matches!(error, Error::Trap(_)), "{error}");
    assert_eq!(support::of_kind(&log, "load").len(), 1);
}

#[tokio::test]
async fn an_import_that_nobody_offers_is_named() {
    assert_eq!(refused_import(&guests::text("missing-import")).await, "acme:nothing/api@1.0.0");
    let http = bomb("wasi:http/outgoing-handler@0.2.0", r#"(export "handle" (func))"#);
    assert_eq!(refused_import(&http).await, "wasi:http/outgoing-handler@0.2.0");
    // Not stable, and so not offered, although the rest of its interface is.
    let code = bomb("wasi:sockets/network@0.2.0", r#"(export "network-error-code" (func))"#);
    assert_eq!(refused_import(&code).await, "wasi:sockets/network@0.2.0#network-error-code");
    let api = bomb("acme:nothing/api@1.0.0", r#"(export "touch" (func))"#);
    assert_eq!(refused_import(&api).await, "acme:nothing/api@1.0.0");
}

#[tokio::test]
async fn a_version_that_is_not_offered_is_refused() {
    let now = r#"(export "now" (func (result u64)))"#;
    for version in ["0.3.0", "1.0.0", "0.2.0-rc-2023-11-10", "0.1.0"] {
        let clock = format!("wasi:clocks/monotonic-clock@{version}");
        assert_eq!(refused_import(&bomb(&clock, now)).await, clock);
    }
}

#[tokio::test]
async fn a_function_without_a_row_is_refused_although_its_interface_is_offered() {
    let later = bomb("wasi:clocks/monotonic-clock@0.2.3", r#"(export "later" (func (result u64)))"#);
    assert_eq!(refused_import(&later).await, "wasi:clocks/monotonic-clock@0.2.3#later");
}

#[tokio::test]
async fn a_function_of_another_type_is_refused() {
    let text = bomb("wasi:clocks/monotonic-clock@0.2.3", r#"(export "now" (func (result string)))"#);
    let (error, _) = refused(support::signed("probe", &text)).await;
    assert!(matches!(error, Error::Import(LinkError::Engine(_))), "{error}");
}

#[tokio::test]
async fn an_offered_name_that_is_no_interface_is_refused() {
    let text = r#"(component (import "wasi:clocks/monotonic-clock@0.2.3" (func))
      (core module $m (func $start unreachable) (start $start)) (core instance (instantiate $m)))"#;
    let import = refused_import(&wat::parse_str(text).unwrap()).await;
    assert_eq!(import, "wasi:clocks/monotonic-clock@0.2.3");
}

#[tokio::test]
async fn every_patch_version_of_the_track_links() {
    let (runtime, _) = support::runtime(support::ALLOW_ALL);
    for guest in ["versions-0.2.0", "versions-0.2.3", "versions-0.2.12"] {
        let component = runtime.load_component(support::signed("probe", &guests::text(guest))).await.unwrap();
        let now: u64 = component.call("read-clock", &()).await.unwrap();
        assert!(now > 0, "{guest}");
    }
}

#[tokio::test]
async fn an_unsigned_component_is_refused() {
    let error = refused_identity(plain_bomb()).await;
    assert!(matches!(error, IdentityError::Unsigned), "{error}");
}

#[tokio::test]
async fn a_component_signed_by_another_key_is_refused() {
    let other = SecretKey::generate().unwrap();
    let error = refused_identity(sign(&plain_bomb(), &support::manifest("probe"), &other).unwrap()).await;
    assert!(error.to_string().contains("which the trust file does not give to `acme`"), "{error}");
}

#[tokio::test]
async fn a_changed_byte_is_refused() {
    let mut bytes = support::signed("probe", &plain_bomb());
    let start = bytes.len() - 40;
    let at = start + bytes[start..].iter().position(|byte| *byte == 0x00).unwrap();
    bytes[at] = 0x01;
    refused_identity(bytes).await;
}

#[tokio::test]
async fn something_appended_is_refused() {
    let mut bytes = support::signed("probe", &plain_bomb());
    bytes.extend([0, 2, 1, b'x']);
    let error = refused_identity(bytes).await;
    assert!(matches!(error, IdentityError::Appended { .. } | IdentityError::Changed), "{error}");
}

#[tokio::test]
async fn a_core_module_is_refused() {
    let error = refused_identity(guests::text("core")).await;
    assert!(matches!(error, IdentityError::CoreModule), "{error}");
}

#[tokio::test]
async fn precompiled_code_is_refused() {
    let code = wasmtime::Engine::default().precompile_component(&plain_bomb()).unwrap();
    let error = refused_identity(code).await;
    assert!(matches!(error, IdentityError::Precompiled), "{error}");
}
