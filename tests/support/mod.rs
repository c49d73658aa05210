//! What the tests share: signing, runtimes with a log in memory, and components made from text.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod datagrams;
pub(crate) mod errand;
pub(crate) mod probe;
pub(crate) mod sockets;
pub(crate) mod stage;
pub(crate) mod traffic;

use airssys_wasm::audit::{Log, Memory};
use airssys_wasm::embed::{ComponentRuntime, Config};
use airssys_wasm::identity::{SecretKey, Trust, sign};
use std::sync::{Arc, LazyLock};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// The publisher's key of all test components.
pub(crate) static KEY: LazyLock<SecretKey> = LazyLock::new(|| SecretKey::generate().unwrap());

/// Allows everything to everybody.
pub(crate) const ALLOW_ALL: &str = "@id(\"allow-all\") permit (principal, action, resource);";

/// The manifest of `acme/<name>`.
pub(crate) fn manifest(name: &str) -> String {
    format!("[component]\nname = \"{name}\"\npublisher = \"acme\"\nversion = \"1.2.3\"\nrelease = 7\n")
}

/// Signs a component as `acme/<name>`.
pub(crate) fn signed(name: &str, bytes: &[u8]) -> Vec<u8> {
    sign(bytes, &manifest(name), &KEY).unwrap()
}

/// Signs with more in the manifest.
pub(crate) fn signed_with(name: &str, more: &str, bytes: &[u8]) -> Vec<u8> {
    sign(bytes, &(manifest(name) + more), &KEY).unwrap()
}

/// Trusts the key for all names of `acme`.
pub(crate) fn trust() -> Trust {
    trust_in(&["vetted"])
}

/// Trusts the key for all names of `acme`, and puts them into these groups.
pub(crate) fn trust_in(groups: &[&str]) -> Trust {
    let key = KEY.public_key().to_text();
    let text = format!(
        "[[publisher]]\nname = \"acme\"\nnames = [\"*\"]\ngroups = {groups:?}\n[[publisher.key]]\nkey = \"{key}\"\n"
    );
    Trust::parse(&text, "trust.toml", &|_| Err(std::io::ErrorKind::NotFound.into())).unwrap()
}

/// A configuration that trusts the test key, with a log in memory.
pub(crate) fn config(policy: &str) -> (Config, Memory) {
    let (log, memory) = Log::in_memory();
    (Config::new().trust(trust()).policy("test.cedar", policy).audit(Arc::new(log)), memory)
}

/// A runtime under one policy, with its log.
pub(crate) fn runtime(policy: &str) -> (ComponentRuntime, Memory) {
    let (config, memory) = config(policy);
    (ComponentRuntime::new(config).unwrap(), memory)
}

/// The records of a log, parsed.
pub(crate) fn records(memory: &Memory) -> Vec<serde_json::Value> {
    let text = String::from_utf8(memory.bytes()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The records of one kind.
pub(crate) fn of_kind(memory: &Memory, kind: &str) -> Vec<serde_json::Value> {
    records(memory).into_iter().filter(|record| record["kind"] == kind).collect()
}

/// The WIT that the kernel pins.
pub(crate) fn wit() -> Resolve {
    let mut resolve = Resolve::default();
    resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/wit")).unwrap();
    resolve
}

/// A component from one world and the text of a core module.
pub(crate) fn component(world: &str, core: &str) -> Vec<u8> {
    encoded(world, None, core)
}

/// The same for one world of several.
pub(crate) fn component_of(package: &str, world: &str, core: &str) -> Vec<u8> {
    encoded(package, Some(world), core)
}

fn encoded(package: &str, world: Option<&str>, core: &str) -> Vec<u8> {
    let mut resolve = wit();
    let package = resolve.push_source("guest.wit", package).unwrap();
    let world = resolve.select_world(&[package], world).unwrap();
    let mut module = wat::parse_str(core).unwrap_or_else(|error| panic!("{error}\n{core}"));
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let encoder = ComponentEncoder::default().module(&module).unwrap().validate(true).encode();
    encoder.unwrap_or_else(|error| panic!("{error:?}\n{core}"))
}

/// Memory and a bump allocator, for core modules written by hand.
pub(crate) const MEMORY: &str = r#"
  (memory (export "memory") 4)
  (global $bump (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $bump (i32.and (i32.add (global.get $bump) (i32.const 15)) (i32.const -16)))
    (global.get $bump)
    (global.set $bump (i32.add (global.get $bump) (local.get 3))))
"#;
