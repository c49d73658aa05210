//! The whole line once: a signed component runs under policy, is given one file, refused another, and told why.
//!
//! The component is the shipped `reporter`, an ordinary Rust program that counts words. Ends with an error if
//! anything is not as it should be.
#![allow(clippy::disallowed_methods, reason = "a host prepares and reads its own files")]

use airssys_wasm::audit::{Filter, Head, Log, Record, Word, query, show, verify};
use airssys_wasm::blocking::ComponentRuntime;
use airssys_wasm::identity::{SecretKey, sign};
use airssys_wasm::policy::{Explanation, Policies, Question, Suggestion, explain};
use airssys_wasm::{Config, GuestPath, MountSpec, Principal};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

const COMPONENT: &[u8] = include_bytes!("guests/reporter/reporter.wasm");
const MANIFEST: &str = "[component]\nname = 'reporter'\npublisher = 'acme'\nversion = '1.0.0'\nrelease = 1\n";

/// What a program of any language needs to start: clocks, randomness, output, arguments.
const STARTER: &str = include_str!("../policies/starter.cedar");
const POLICY: &str = r#"@id("reporter-reads-input")
permit (
  principal == Component::"acme/reporter",
  action == Action::"fs:read",
  resource in Path::"/data/in"
);
"#;
const OPEN: &str = "/data/in/harbour.txt";
const PRIVATE: &str = "/data/private/salaries.txt";

fn main() -> Result<(), Box<dyn Error>> {
    let desk = tempfile::tempdir()?;
    prepare(desk.path())?;
    println!("The policy, besides what every program needs to start:\n\n{POLICY}");
    println!("A component signed by `acme` is asked to report on two files. It says:\n");
    let ran = run(desk.path())?;

    let log = std::fs::read(desk.path().join("audit.jsonl"))?;
    let allowed = the_one(&log, Word::Allow, OPEN)?;
    let denied = the_one(&log, Word::Deny, PRIVATE)?;
    println!("\nThe log says:\n\n{}\n{}", show(&allowed), show(&denied));

    let explanation = why(&ran, &denied)?;
    println!("\nWhy, and what would change it:\n\n{explanation}");
    ensure(explanation.verdict == "deny", "the explanation is not of a denial")?;
    ensure(matches!(explanation.suggestion, Some(Suggestion::Permit(_))), "no permit is suggested")?;

    let report = verify(&*log, Some(ran.head))?;
    println!("The log is whole:\n\n{report}");
    ensure(report.is_sound(), "the log is not sound")
}

/// Puts on the desk what an author, an operator and a disk would bring.
fn prepare(desk: &Path) -> Result<(), Box<dyn Error>> {
    let key = SecretKey::generate()?;
    std::fs::write(desk.join("reporter.wasm"), sign(COMPONENT, MANIFEST, &key)?)?;
    let key = key.public_key().to_text();
    let trust = format!("[[publisher]]\nname = 'acme'\nnames = ['*']\n[[publisher.key]]\nkey = '{key}'\n");
    std::fs::write(desk.join("trust.toml"), trust)?;
    std::fs::create_dir_all(desk.join("data/in"))?;
    std::fs::create_dir_all(desk.join("data/private"))?;
    std::fs::write(desk.join("data/in/harbour.txt"), "three ships came in\none went out\n")?;
    std::fs::write(desk.join("data/private/salaries.txt"), "none of the reporter's business\n")?;
    Ok(())
}

/// What is left of a run that went well.
struct Ran {
    principal: Principal,
    policies: Policies,
    head: Head,
}

/// Runs the component and closes the log.
fn run(desk: &Path) -> Result<Ran, Box<dyn Error>> {
    let log = Arc::new(Log::open_file(&desk.join("audit.jsonl"))?);
    let config = Config::new()
        .trust_file(desk.join("trust.toml"))?
        .policy("starter.cedar", STARTER)
        .policy("policy.cedar", POLICY)
        .mount(MountSpec::new(desk.join("data"), GuestPath::parse("/data")?).read_only())
        .args(["reporter", OPEN, PRIVATE])
        .audit(Arc::clone(&log))
        .inherit_stdio();
    let runtime = ComponentRuntime::new(config)?;
    let reporter = runtime.load_component(desk.join("reporter.wasm"))?;
    ensure(reporter.run_command()? == 0, "the reporter failed")?;
    let (principal, policies) = (reporter.principal().clone(), runtime.policies());
    // An instance writes its summary when it ends.
    drop(reporter);
    log.close()?;
    let head = log.head().ok_or("the log is empty")?;
    Ok(Ran { principal, policies, head })
}

/// The one record about that file; more, fewer or another verdict is an error.
fn the_one(log: &[u8], verdict: Word, path: &str) -> Result<Record<'static>, Box<dyn Error>> {
    let filter = Filter { action: Some("fs:read".to_owned()), ..Filter::default() };
    let records: Result<Vec<_>, _> = query(log, filter).collect();
    let about = |record: &Record<'_>| record.resource.as_ref().is_some_and(|target| target.id == path);
    let mut found = records?.into_iter().filter(about);
    match (found.next(), found.next()) {
        (Some(record), None) if record.verdict == Some(verdict) => Ok(record),
        _ => Err(format!("there is not exactly one record that says {} of {path}", verdict.name()).into()),
    }
}

/// Asks the question of a record again.
fn why(ran: &Ran, record: &Record<'_>) -> Result<Explanation, Box<dyn Error>> {
    let question = Question {
        principal: ran.principal.clone().into(),
        action: record.action_id().ok_or("the record has no action")?,
        resource: record.resource_value()?,
        import: record.import.as_deref().unwrap_or_default().to_owned(),
        chain: std::sync::Arc::default(),
    };
    Ok(explain(&ran.policies, &question))
}

fn ensure(holds: bool, otherwise: &str) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
