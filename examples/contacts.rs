//! A host that offers an interface of its own: `cargo run --example contacts`.
//!
//! Four files stand beside this one, in `examples/contacts/`. `contacts.wit` says what plugins can call.
//! `contacts.cedarschema` says what policies can speak of: actions and things, in a namespace of the host's own.
//! `contacts.cedar` is a policy, and `contacts.json` tells it who is in which team. Below, each function of the interface
//! is offered together with what it asks; there is no way to offer one without.

use airssys_wasm::embed::{Asks, ComponentRuntime, Config, HostInterface};
use airssys_wasm::identity::{SecretKey, Trust, sign};
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;
use wasmtime::component::Resource;

// Rust types for the records and enums of the WIT. Nothing else of what this macro makes is used.
mod bindings {
    wasmtime::component::bindgen!({
        path: "examples/contacts/contacts.wit",
        world: "visitor",
        with: { "acme:crm/contacts.cursor": super::Cursor },
    });
}
use bindings::acme::crm::contacts::{Contact, Problem};

/// What stands behind the handle that a plugin holds of a team's list.
pub struct Cursor {
    left: Vec<String>,
}

/// The host's own data.
fn phone_book() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([("ada", "+44 1"), ("grace", "+1 2"), ("mallory", "+0 3")])
}

fn look_up(book: &BTreeMap<&'static str, &'static str>, name: String) -> Result<Contact, Problem> {
    let phone = book.get(name.as_str()).map(|phone| (*phone).to_owned());
    phone.map(|phone| Contact { name, phone }).ok_or(Problem::Unknown)
}

/// The interface: its name with version, what it keeps for each plugin (here the phone book), and its functions.
fn contacts() -> HostInterface<BTreeMap<&'static str, &'static str>> {
    HostInterface::new("acme:crm/contacts@1.0.0", |_plugin| phone_book())
        .schema("contacts.cedarschema", include_str!("contacts/contacts.cedarschema"))
        .function(
            "get",
            // Asks for this action, on the contact that the argument names; a denial is an error of the interface's own.
            Asks::on("Acme::contact:read", "Acme::Contact", |(name,): &(String,)| Ok(name.clone()))
                .answer(|_denied| (Err(Problem::NotPermitted),)),
            // Runs only where that was permitted, and after it was recorded.
            |call, (name,)| Ok((look_up(call.state(), name),)),
        )
        .resource::<Cursor>("cursor")
        .function(
            "[constructor]cursor",
            // Without an answer of its own, a denial stops the plugin.
            Asks::on("Acme::team:list", "Acme::Team", |(team,): &(String,)| Ok(team.clone())),
            |call, _| Ok((call.push(Cursor { left: vec!["ada".to_owned()] })?,)),
        )
        .function(
            "[method]cursor.next",
            // Asks again on the team that the handle was given for: other policies count from its next use on.
            Asks::on_handle("Acme::team:list", |(cursor,): &(Resource<Cursor>,)| cursor),
            |call, (cursor,)| Ok((call.get(&cursor)?.left.pop(),)),
        )
        .function_async(
            "send-note",
            Asks::on("Acme::contact:write-to", "Acme::Contact", |(to, _): &(String, String)| Ok(to.clone()))
                .answer(|_denied| (Err(Problem::NotPermitted),)),
            // The plugin waits; when its permission is taken back meanwhile, this is dropped where it stands.
            |_call, (to, text)| {
                Ok(async move {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    println!("  (a note goes to {to}: {text})");
                    Ok((Ok::<(), Problem>(()),))
                })
            },
        )
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = SecretKey::generate()?;
    let plugin = wat::parse_str(include_str!("contacts/visitor.wat"))?;
    let manifest = "[component]\nname = 'visitor'\npublisher = 'acme'\nversion = '1.0.0'\nrelease = 1\n";
    let signed = sign(&plugin, manifest, &key)?;
    let key = key.public_key().to_text();
    let trust = format!("[[publisher]]\nname = 'acme'\nnames = ['*']\n[[publisher.key]]\nkey = '{key}'\n");
    let trust = Trust::parse(&trust, "trust.toml", &|_| Err(std::io::ErrorKind::NotFound.into()))?;

    let config = Config::new()
        .trust(trust)
        .policy("contacts.cedar", include_str!("contacts/contacts.cedar"))
        .entities("contacts.json", include_str!("contacts/contacts.json"))
        .host_interface(contacts());
    let visitor = ComponentRuntime::new(config)?.load_component(signed).await?;

    for call in ["get(\"ada\")", "get(\"mallory\")", "note(\"ada\", \"hello\")", "note(\"grace\", \"hello\")"]
    {
        match visitor.call_wave(call).await {
            Ok(answer) => println!("{call} = {}", answer.unwrap_or_default()),
            Err(error) => println!("{call}: {error}"),
        }
    }
    visitor.call_wave("open(\"sales\")").await?;
    println!("step() = {}", visitor.call_wave("step()").await?.unwrap_or_default());
    match visitor.call_wave("open(\"legal\")").await {
        Ok(_) => println!("open(\"legal\") was permitted"),
        Err(error) => println!("open(\"legal\"): {error}"),
    }
    Ok(())
}
