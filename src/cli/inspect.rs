//! `airssys inspect`: what a component is, offers and asks for, without running any of it.

use super::console::{Console, facts, printable, short, shortened, shown, table};
use super::failure::Failure;
use super::files::compiler;
use super::grants::configuration;
use super::outline::Outline;
use super::verify::{asked, manifest_facts, manifest_json, merge};
use super::{dev, inputs};
use crate::embed::{Config, ImportView, Inspection, blocking::ComponentRuntime};
use crate::identity::{self, Claims, Trust};
use crate::kernel::Limits;
use crate::policy::{Chance, Outlook};
use crate::serve::config::Granted;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Show what a component is, offers and asks for.
///
/// With a trust file: who made it, the functions it exports with their types, the functions it imports and the actions
/// these ask for. With policies too: whether each is permitted always, never, or depends, and on which conditions.
/// Without a trust file nothing is compiled and only the component's own claims are shown. None of its code runs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys inspect thumb.signed.wasm
  airssys inspect thumb.signed.wasm --trust trust.toml --policy policy.cedar
  airssys inspect hello.wasm --dev --policy starter.cedar --json")]
pub(super) struct Inspect {
    /// The component.
    component: PathBuf,
    /// The publishers you trust, and their keys.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Policy files.
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
    /// Entity files in Cedar's JSON.
    #[arg(long, value_name = "FILE")]
    entities: Vec<PathBuf>,
    /// A configuration, for its trust file unless another is named, and for the limits that it grants.
    #[arg(long, value_name = "AIRSSYS.TOML")]
    config: Option<PathBuf>,
    /// Look at it as a development run would: signed in memory with your development key.
    #[arg(long, conflicts_with = "trust")]
    dev: bool,
}

impl Inspect {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let bytes = inputs::component(&self.component)?;
        if self.dev {
            let signed = dev::sign(console, &self.component, &bytes)?;
            return self.inspect(console, signed.component, signed.trusted.trust);
        }
        match self.trust.clone().or(self.configured()?.trust) {
            Some(trust) => self.inspect(console, bytes, inputs::trust(&trust)?.trust),
            None => self.outline(console, &bytes),
        }
    }

    fn configured(&self) -> Result<Granted, Failure> {
        self.config.as_deref().map_or_else(|| Ok(Granted::default()), configuration)
    }

    fn inspect(&self, console: Console, bytes: Vec<u8>, trust: Trust) -> Result<u8, Failure> {
        let limits = Limits::default().replaced_by(&self.configured()?.limits);
        let mut config = Config::new().compiler(compiler()?).trust(trust).limits(limits);
        for source in inputs::sources("policy file", &self.policies)? {
            config = config.policy(source.name, source.text);
        }
        for source in inputs::sources("entities file", &self.entities)? {
            config = config.entities(source.name, source.text);
        }
        let mut inspection = ComponentRuntime::new(config)?.inspect_component(bytes)?;
        if self.policies.is_empty() {
            inspection.outlook.clear();
        }
        let mut value = serde_json::to_value(&inspection).unwrap_or_default();
        merge(&mut value, json!({ "verified": true }));
        console.answer(&text(&inspection), &value)?;
        Ok(0)
    }

    fn outline(&self, console: Console, bytes: &[u8]) -> Result<u8, Failure> {
        let outline = Outline::of(bytes).map_err(Failure::refused)?;
        let claims = identity::claims(bytes);
        let mut rows = vec![("Verified", "no: name a trust file with `--trust`".to_owned())];
        let mut value = json!({ "verified": false, "exports": outline.exports, "imports": outline.imports });
        match &claims {
            Ok(claims) => {
                rows.extend(claimed(claims));
                merge(&mut value, claims_json(claims));
            }
            Err(error) => {
                rows.push(("Identity", error.to_string()));
                merge(&mut value, json!({ "identity": error.to_string() }));
            }
        }
        rows.extend(outline.exports.iter().map(|name| ("Exports", short(name))));
        rows.extend(outline.imports.iter().map(|name| ("Imports", short(name))));
        console.answer(&facts(&rows), &value)?;
        Ok(0)
    }
}

fn claimed(claims: &Claims) -> Vec<(&'static str, String)> {
    let manifest = &claims.manifest;
    let mut rows = vec![
        ("Claims to be", short(&manifest.principal_name())),
        ("Version", format!("{}, release {}", manifest.component.version, manifest.component.release)),
        ("Signed by key", claims.key_ids.join(", ")),
        ("Digest", claims.digest.clone()),
    ];
    rows.extend(manifest_facts(manifest));
    rows
}

fn claims_json(claims: &Claims) -> Value {
    let mut value = manifest_json(&claims.manifest);
    merge(&mut value, json!({ "digest": claims.digest, "key_ids": claims.key_ids }));
    value
}

fn text(inspection: &Inspection) -> String {
    let mut rows = vec![
        ("Component", short(&inspection.name)),
        ("Version", format!("{}, release {}", inspection.version, inspection.release)),
        ("Key id", inspection.key_id.clone()),
        ("Digest", inspection.digest.clone()),
        ("File", inspection.file_digest.clone()),
        ("Valid until", inspection.valid_until.clone().unwrap_or_else(|| "no end".to_owned())),
    ];
    if !inspection.groups.is_empty() {
        rows.push(("Groups", inspection.groups.join(", ")));
    }
    for (action, resources) in &inspection.requests {
        rows.push(("Asks for", asked(action, resources)));
    }
    [facts(&rows), limits(inspection), exports(inspection), imports(inspection), conditions(inspection)]
        .join("\n")
}

fn limits(inspection: &Inspection) -> String {
    let mut listing = table(&["Limit", "Requested", "Granted", "In force"]);
    let (requested, granted) = (inspection.limits_requested.each(), inspection.limits_granted.each());
    for (((name, effective), (_, granted)), (_, requested, _)) in
        inspection.limits.each().zip(granted).zip(requested)
    {
        let requested = requested.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
        listing.add_row([name.to_owned(), requested, granted.to_string(), effective.to_string()]);
    }
    shown(&listing)
}

/// The longest type that is shown, in characters.
const LONGEST_TYPE: usize = 1000;

fn exports(inspection: &Inspection) -> String {
    let mut listing = table(&["Export", "Type"]);
    for export in &inspection.exports {
        listing.add_row([
            full_name(export.interface.as_deref(), &export.function),
            shortened(&export.signature, LONGEST_TYPE),
        ]);
    }
    shown(&listing)
}

fn imports(inspection: &Inspection) -> String {
    let mut listing = table(&["Import", "Permitted", "Asks", "On"]);
    for import in &inspection.imports {
        let asks = if import.asks.is_empty() { "-".to_owned() } else { import.asks.join(", ") };
        let name = full_name(Some(&import.interface), &import.function);
        listing.add_row([name, permitted(inspection, import), asks, import.on.unwrap_or("-").to_owned()]);
    }
    shown(&listing)
}

fn full_name(interface: Option<&str>, function: &str) -> String {
    let function = short(function);
    interface.map_or_else(|| function.clone(), |interface| format!("{}#{function}", short(interface)))
}

/// How an import stands: one word if all its actions agree, else one for each.
fn permitted(inspection: &Inspection, import: &ImportView) -> String {
    if import.needs_link {
        return "needs a link with a component that exports it".to_owned();
    }
    if !import.offered && import.linked.is_none() {
        return "not offered: the component would be refused".to_owned();
    }
    let rows = outlook(inspection, import);
    match rows.as_slice() {
        [] if import.asks.is_empty() => "free".to_owned(),
        [] => "-".to_owned(),
        [first, rest @ ..] if rest.iter().all(|row| row.chance == first.chance) => {
            first.chance.name().to_owned()
        }
        rows => rows
            .iter()
            .map(|row| format!("{}: {}", subject(row), row.chance.name()))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// The rows that an import can meet. Where it is about one resource by name, the others do not count.
fn outlook<'a>(inspection: &'a Inspection, import: &ImportView) -> Vec<&'a Outlook> {
    let rows: Vec<_> = inspection.outlook.iter().filter(|row| import.asks.contains(&row.action)).collect();
    let by_name: Vec<_> =
        rows.iter().copied().filter(|row| row.resource.is_some() && row.resource == import.on).collect();
    if by_name.is_empty() { rows } else { by_name }
}

fn subject(row: &Outlook) -> String {
    row.resource.map_or_else(|| row.action.to_owned(), |resource| format!("{} {resource}", row.action))
}

fn conditions(inspection: &Inspection) -> String {
    let depends = inspection.outlook.iter().filter(|row| match row.chance {
        Chance::Depends => true,
        Chance::Always | Chance::Never => false,
    });
    let text: String = depends
        .flat_map(|row| row.to_string().lines().map(|line| printable(line) + "\n").collect::<Vec<_>>())
        .collect();
    if text.is_empty() { text } else { format!("Conditions\n{text}") }
}
