//! What goes into a record, and what never does.

use crate::support::{self, IMPORT, allow, decide, deny, load, records, report, subject};
use airssys_osl::action::EnvRead;
use airssys_osl::{ActionId, Endpoint, EnvName, Gate, Host, Reasons, Recorder, Resource, Verdict};
use airssys_wasm::audit::{Kind, Log, Refused, Word, show};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[test]
fn the_value_of_an_environment_variable_is_never_logged() {
    let secret = "hunter2-the-value";
    let environment = [("API_TOKEN", secret)];
    let (log, memory) = Log::in_memory();
    let session = Gate::new(support::Always::allow(), Arc::new(log)).session(subject(1));
    let mut seen = Vec::new();
    for (name, value) in environment {
        let name = EnvName::parse(name).unwrap();
        let _permit =
            session.authorize::<EnvRead>(name, "wasi:cli/environment@0.2.8#get-environment").unwrap();
        seen.push(value);
    }
    session.close().unwrap();
    let text = String::from_utf8(memory.bytes()).unwrap();
    assert!(text.contains("API_TOKEN") && !text.contains(secret) && seen == [secret]);
}

#[test]
fn a_guest_can_forge_no_line_and_move_no_cursor() {
    let hostile = "/a\n{\"seq\":9}\r\u{1b}[2J\u{7f}\u{85}\u{9b}1m\u{2028}\u{2029}\u{feff}";
    let (log, memory) = Log::in_memory();
    support::read_path(&log, hostile).unwrap();
    let errors = vec!["\u{202e}txt.exe\u{2066}".to_owned()];
    let fault = Verdict::Fault(Arc::new(Reasons { policies: vec!["p\n1".into()], errors }));
    let resource = Resource::parse("Stdio", "stdin").unwrap();
    decide(&log, &subject(1), ActionId::StdioRead, &resource, &fault).unwrap();
    let bytes = memory.bytes();
    assert_eq!(bytes.iter().filter(|b| **b == b'\n').count(), 3);
    assert!(bytes.iter().all(|b| matches!(b, b' '..=b'~' | b'\n')));
    let records = records(&bytes);
    assert_eq!(records[1].resource.as_ref().unwrap().id, hostile);
    for record in &records {
        assert!(show(record).chars().all(|c| matches!(c, ' '..='~')), "{}", show(record));
    }
}

#[test]
fn long_strings_are_cut_and_long_lists_are_counted() {
    let (log, memory) = Log::in_memory();
    let errors = vec!["e".repeat(5000)];
    let policies = (0..10_000).map(|n| format!("policy-{n}-{}", "x".repeat(300)).into()).collect();
    let verdict = Verdict::Deny(Arc::new(Reasons { policies, errors }));
    let resource = Resource::parse("EnvVar", &"\u{1}".repeat(10_000)).unwrap();
    decide(&log, &subject(1), ActionId::EnvRead, &resource, &verdict).unwrap();
    let reason = "r".repeat(1 << 21);
    log.refused(&Refused {
        claimed: Some(&reason),
        file_digest: None,
        import: Some(&reason),
        reason: &reason,
    })
    .unwrap();
    let records = records(&memory.bytes());
    let (policies, errors) = (records[1].policies.as_ref().unwrap(), records[1].errors.as_ref().unwrap());
    assert_eq!(policies.len() as u64 + records[1].more_policies.unwrap(), 10_000);
    assert!(errors[0].len() < 1100 && errors[0].ends_with("…(+3976 bytes)"), "{}", errors[0]);
    assert!(records[1].resource.as_ref().unwrap().id.ends_with("…(+5904 bytes)"));
    assert!(memory.bytes().len() < 200_000);
}

#[test]
fn a_decision_carries_what_is_needed_to_decide_again() {
    let (log, memory) = Log::in_memory();
    load(&log, &subject(4)).unwrap();
    let resource = Resource::parse("Path", "/data/in.png").unwrap();
    decide(&log, &subject(4), ActionId::FsRead, &resource, &deny()).unwrap();
    let records = records(&memory.bytes());
    let (load, decision) = (&records[1], &records[2]);
    assert_eq!((decision.action_id(), decision.resource_value()), (Some(ActionId::FsRead), Ok(resource)));
    assert_eq!((decision.verdict, decision.epoch, decision.instance), (Some(Word::Deny), Some(1), Some(4)));
    assert_eq!((decision.import.as_deref(), decision.chain.as_deref()), (Some(IMPORT), None));
    let component = load.component.as_ref().unwrap();
    let parents: Vec<_> = component.parents.iter().map(|p| format!("{}::{}", p.kind, p.id)).collect();
    assert_eq!(parents, ["Publisher::acme", "Group::image-tools"]);
    assert_eq!((component.version.minor, component.release, component.limits.memory_mib), (2, 7, Some(64)));
    assert_eq!(load.policy_set, Some(support::policy_set()));
}

#[test]
fn an_endpoint_is_recorded_with_the_hosts_it_was_judged_as() {
    let (log, memory) = Log::in_memory();
    let hosts = ["api.example.com", "x.org"].map(|host| Host::parse(host).unwrap());
    let plain = Endpoint::parse("192.0.2.1:443/tcp").unwrap();
    let named = plain.clone().looked_up_as(hosts.clone(), 7);
    for endpoint in [&plain, &named] {
        decide(&log, &subject(4), ActionId::NetConnect, &endpoint.clone().into(), &deny()).unwrap();
    }
    let bytes = memory.bytes();
    let records = records(&bytes);
    assert!(report(&bytes).is_sound());
    assert_eq!(records[1].resource_value(), Ok(plain.clone().into()));
    let Ok(Resource::Endpoint(again)) = records[2].resource_value() else { panic!() };
    assert_eq!((again.as_str(), again.hosts()), (named.as_str(), &hosts[..]));
    assert!(
        show(&records[2]).contains("Endpoint::\"192.0.2.1:443/tcp\" as \"api.example.com\" as \"x.org\"")
    );
    let lines = support::lines(&bytes);
    assert!(!String::from_utf8(lines[1].clone()).unwrap().contains("parents"));
    for (from, to) in [
        ("\"Host\",\"id\":\"x.org", "\"Path\",\"id\":\"/x"),
        ("x.org", "X.org"),
        ("Endpoint\",\"id\":\"192.0.2.1:443/tcp", "Path\",\"id\":\"/x"),
    ] {
        let forged = support::forge(&lines[2], from, to);
        let record: airssys_wasm::audit::Record<'_> = serde_json::from_slice(&forged).unwrap();
        assert!(record.resource_value().is_err(), "{from}");
    }
}

#[test]
fn every_kind_of_record_is_written_and_shown() {
    let (log, memory) = Log::in_memory();
    let subject = subject(1);
    load(&log, &subject).unwrap();
    support::read_path(&log, "/x").unwrap();
    log.note(&subject, "wasi:cli/exit@0.2.8#exit", "exit with status 0").unwrap();
    log.summary(&subject, &[(ActionId::FsRead, 3)]).unwrap();
    let (import, reason) = (Some("acme:gpu/draw@1.0.0"), "it imports what is not offered");
    log.refused(&Refused { claimed: Some("acme/draw"), file_digest: None, import, reason }).unwrap();
    log.limit(&subject, "memory_mib", 64, "wanted 65 MiB").unwrap();
    log.swap(2, &support::policy_set()).unwrap();
    log.revoke(Some(&subject), "unloaded by the host").unwrap();
    log.close().unwrap();
    log.close().unwrap();
    assert!(log.note(&subject, "wasi:cli/exit@0.2.8#exit", "too late").is_err());
    let records = records(&memory.bytes());
    for kind in Kind::ALL {
        assert_eq!(records.iter().filter(|record| record.kind == *kind).count(), 1, "{kind:?}");
        assert_eq!(Kind::parse(kind.name()), Some(*kind));
    }
    let shown: Vec<_> =
        records.iter().map(show).map(|line| line[line.find("Z ").unwrap() + 2..].to_owned()).collect();
    assert_eq!(
        shown,
        [
            &format!("open by airssys-wasm {}", env!("CARGO_PKG_VERSION")),
            "acme/thumb#1 load version 1.2.3, key 0a1b2c3d4e5f60718293a4b5 epoch 1",
            &format!("acme/thumb#1 allow fs:read Path::\"/x\" by thumb-reads ({IMPORT})"),
            "acme/thumb#1 note: exit with status 0 (wasi:cli/exit@0.2.8#exit)",
            "acme/thumb#1 summary fs:read 3 times again",
            "acme/draw refused: it imports what is not offered (acme:gpu/draw@1.0.0)",
            "acme/thumb#1 limit memory_mib of 64: wanted 65 MiB",
            "swap epoch 2",
            "acme/thumb#1 revoke: unloaded by the host",
            "close",
        ]
    );
    assert!(report(&memory.bytes()).closed);
}

#[test]
fn eight_threads_write_one_chain() {
    let (log, memory) = Log::in_memory();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let log = &log;
            scope.spawn(move || {
                (0..1000).for_each(|n| support::read_path(log, &format!("/{thread}/{n}")).unwrap())
            });
        }
    });
    drop(log);
    let whole = report(&memory.bytes());
    assert!(whole.is_sound() && whole.closed && whole.records == 8002, "{whole}");
    let paths: std::collections::BTreeSet<_> = records(&memory.bytes())
        .into_iter()
        .filter_map(|record| Some(record.resource?.id.into_owned()))
        .collect();
    assert_eq!(paths.len(), 8000);
}

type Fields = BTreeMap<String, String>;

/// Keeps the fields of each event.
struct Keep(Arc<Mutex<Vec<Fields>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Keep {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut fields = Fields::from([("level".to_owned(), event.metadata().level().to_string())]);
        fields.insert("target".to_owned(), event.metadata().target().to_owned());
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            fields.insert(field.name().to_owned(), format!("{value:?}"));
        });
        self.0.lock().unwrap().push(fields);
    }
}

#[test]
fn each_record_is_an_event_with_fields() {
    use tracing_subscriber::layer::SubscriberExt;
    let kept = Arc::new(Mutex::new(Vec::new()));
    let subscriber = tracing_subscriber::registry().with(Keep(Arc::clone(&kept)));
    tracing::subscriber::with_default(subscriber, || {
        let log = Log::tracing_only();
        let resource = Resource::parse("Path", "/a\u{1b}b").unwrap();
        decide(&log, &subject(1), ActionId::FsRead, &resource, &deny()).unwrap();
        decide(&log, &subject(1), ActionId::FsStat, &resource, &allow("p")).unwrap();
    });
    let events = kept.lock().unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds, ["\"open\"", "\"decision\"", "\"decision\"", "\"close\""]);
    let denied = &events[1];
    for (field, value) in [
        ("target", "airssys::audit"),
        ("level", "WARN"),
        ("seq", "1"),
        ("subject", "\"acme/thumb\""),
        ("action", "\"fs:read\""),
        ("verdict", "\"deny\""),
        ("epoch", "1"),
    ] {
        assert_eq!(denied[field], value, "{field}");
    }
    assert!(!denied["resource"].contains('\u{1b}') && !denied.contains_key("text"));
    assert_eq!((&*events[2]["level"], &*events[2]["policies"]), ("INFO", "\"p\""));
}
