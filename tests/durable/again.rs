//! What was not dealt with comes again, and is a dead letter at last.

use crate::guests;
use crate::support::{self, ALLOW_ALL};
use crate::world::{actor, ask, durable, heard, runtime, spec, told, until};
use airssys_osl::stdio::{Memory, Sink};
use airssys_wasm::embed::{Backoff, ComponentRuntime, Error, MailboxTerms, Reason, Spec};
use airssys_wasm::identity::sign;
use std::time::Duration;

#[tokio::test]
async fn a_durable_mailbox_takes_a_state_directory_and_room() {
    let without = support::runtime(ALLOW_ALL).0;
    let error = without.spawn(actor("b").mailbox(durable(3))).await.unwrap_err().to_string();
    assert_eq!(error, "the mailbox of `acme/b` is to be durable: that takes a state directory");
    let b = without.spawn(actor("b")).await.unwrap();
    assert!(!b.status().durable, "the name is free still");
    let error = b.dead_letters(0, 9).await.unwrap_err().to_string();
    assert_eq!(error, "the mailbox of `acme/b` is not durable");
    let directory = tempfile::tempdir().unwrap();
    let (with, _) = runtime(directory.path(), ALLOW_ALL);
    let none = MailboxTerms { messages: 0, ..durable(3) };
    assert!(matches!(with.spawn(actor("b").mailbox(none)).await, Err(Error::Config(_))));
}

#[tokio::test]
async fn a_trap_has_a_message_come_again_to_the_next_instance_until_it_is_a_dead_letter() {
    let directory = tempfile::tempdir().unwrap();
    let (runtime, _) = runtime(directory.path(), ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let b = runtime.spawn(actor("b").mailbox(durable(2))).await.unwrap();
    assert!(b.status().durable);
    assert_eq!(told(&a, "all:send:acme/b=panic:now;;send:acme/b=echo:after").await, "ok\nok");
    until(async || b.status().restarts == 2 && heard(&b).await.contains("echo:after")).await;
    let heard = heard(&b).await;
    assert!(heard.contains("deliveries=1 missed=0 body=echo:after") && !heard.contains("panic"), "{heard}");
    let dead = b.dead_letters(0, 9).await.unwrap();
    assert_eq!((dead.len(), b.status().dead_letters), (1, 1));
    assert_eq!((dead[0].sender.as_deref(), dead[0].deliveries), (Some("acme/a"), 2));
    assert_eq!((dead[0].reason, dead[0].body.as_slice()), (Reason::Undeliverable, b"panic:now".as_slice()));
    assert!(b.discard(dead[0].id).await.unwrap());
    assert!(!b.discard(dead[0].id).await.unwrap());
    assert_eq!(b.status().dead_letters, 0);
}

#[tokio::test]
async fn an_error_gives_a_message_back_and_a_dead_letter_can_be_put_back() {
    let directory = tempfile::tempdir().unwrap();
    let (runtime, _) = runtime(directory.path(), ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let b = runtime.spawn(actor("b").mailbox(durable(3))).await.unwrap();
    assert_eq!(told(&a, "all:send:acme/b=fail:no;;send:acme/b=echo:yes").await, "ok\nok");
    until(async || heard(&b).await.contains("echo:yes") && b.status().dead_letters == 1).await;
    let counted = |heard: &str| -> Vec<String> {
        let counts = heard.lines().filter_map(|line| line.split_once("deliveries="));
        counts.map(|(_, rest)| rest.replace(" missed=0 body", "")).collect()
    };
    assert_eq!(counted(&heard(&b).await), ["1=fail:no", "2=fail:no", "3=fail:no", "1=echo:yes"]);
    let dead = b.dead_letters(0, 9).await.unwrap();
    assert!(b.requeue(dead[0].id).await.unwrap() && !b.requeue(dead[0].id).await.unwrap());
    until(async || heard(&b).await.lines().count() == 7 && b.status().dead_letters == 1).await;
    assert_eq!(counted(&heard(&b).await)[4..], ["1=fail:no", "2=fail:no", "3=fail:no"]);
    assert_ne!(b.dead_letters(0, 9).await.unwrap()[0].id, dead[0].id);
    assert_eq!(b.status().waiting, 0);
}

/// A message that its receiver fails on at once does not keep it busy, and nobody else waits for that.
#[tokio::test]
async fn one_that_fails_at_once_rests_before_it_comes_again_and_other_senders_do_not_wait() {
    let directory = tempfile::tempdir().unwrap();
    let (runtime, _) = runtime(directory.path(), ALLOW_ALL);
    let (a, c) = (runtime.spawn(actor("a")).await.unwrap(), runtime.spawn(actor("c")).await.unwrap());
    let hour = Backoff { first: Duration::from_secs(3600), ..Backoff::default() };
    let b = runtime.spawn(actor("b").mailbox(MailboxTerms { redelivery: hour, ..durable(9) })).await.unwrap();
    assert_eq!(told(&a, "all:send:acme/b=fail:no;;send:acme/b=echo:behind").await, "ok\nok");
    until(async || heard(&b).await.contains("fail:no")).await;
    assert_eq!(told(&c, "send:acme/b=echo:other").await, "ok");
    assert_eq!(told(&c, "request:acme/b,30000=echo:and this").await, "and this");
    until(async || heard(&b).await.contains("echo:other")).await;
    let heard = heard(&b).await;
    assert_eq!(heard.matches("fail:no").count(), 1, "{heard}");
    assert!(!heard.contains("behind"), "{heard}");
    let status = b.status();
    assert_eq!((status.waiting, status.dead_letters, status.restarts), (2, 0, 0), "{status:?}");
}

#[tokio::test]
async fn one_that_polls_is_given_again_what_it_did_not_acknowledge() {
    let directory = tempfile::tempdir().unwrap();
    let (config, _) = support::config(ALLOW_ALL);
    let out = Memory::bounded(1 << 16);
    let config = config.stdout(Sink::Memory(out.clone())).state_dir(directory.path());
    let runtime = ComponentRuntime::new(config).unwrap();
    let a = runtime.spawn(actor("a")).await.unwrap();
    let poller = runtime.spawn(spec("poller", "probe-poller").mailbox(durable(9))).await.unwrap();
    let run = || {
        let poller = poller.clone();
        tokio::spawn(async move { poller.call_wave("wasi:cli/run#run()").await })
    };
    let first = run();
    let sent = "all:send:acme/poller=echo:1;;send:acme/poller=ignore:2;;send:acme/poller=echo:3;;send:acme/poller=panic:4";
    assert_eq!(told(&a, sent).await, "ok\nok\nok\nok");
    assert!(first.await.unwrap().is_err());
    until(async || poller.status().running && poller.status().restarts == 1).await;
    // It panics over the fourth once more; those before it that were acknowledged do not come.
    assert!(run().await.unwrap().is_err());
    let said = String::from_utf8(out.contents()).unwrap();
    let said: Vec<_> = said.lines().filter(|line| line.starts_with("acme/a")).collect();
    assert_eq!(
        said,
        [
            "acme/a false 1 echo:1",
            "acme/a false 1 ignore:2",
            "acme/a false 1 echo:3",
            "acme/a false 1 panic:4",
            "acme/a false 2 ignore:2",
            "acme/a false 2 panic:4",
        ]
    );
}

#[tokio::test]
async fn a_durable_mailbox_goes_on_under_a_new_version() {
    let directory = tempfile::tempdir().unwrap();
    let (runtime, _) = runtime(directory.path(), ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let b = runtime.spawn(actor("b").mailbox(durable(3))).await.unwrap();
    let busy = tokio::spawn({
        let b = b.clone();
        async move { ask(&b, "sleep:700").await }
    });
    until(async || b.status().calls == 1).await;
    assert_eq!(told(&a, "all:send:acme/b=echo:1;;send:acme/b=echo:2").await, "ok\nok");
    let manifest = "[component]\nname = \"b\"\npublisher = \"acme\"\nversion = \"2.0.0\"\nrelease = 8\n";
    let second = sign(&guests::component("probe-actor-2"), manifest, &support::KEY).unwrap();
    runtime.reload("acme/b", second).await.unwrap();
    assert_eq!(told(&a, "send:acme/b=echo:3").await, "ok");
    busy.await.unwrap().unwrap();
    until(async || heard(&b).await.contains("echo:3")).await;
    assert_eq!(told(&b, "version:").await, "2");
    until(async || b.status().waiting == 0).await;
    let (heard, status) = (heard(&b).await, b.status());
    assert!(heard.lines().all(|line| line.contains("deliveries=1")), "{heard}");
    assert!(status.durable && status.dead_letters == 0 && status.restarts == 0, "{status:?}");
}

#[tokio::test]
async fn actors_in_other_languages_give_back_by_an_error_and_are_done_by_an_answer() {
    let Some(built) = std::env::var_os("AIRSSYS_POLYGLOT_DIR") else {
        eprintln!("skipped: AIRSSYS_POLYGLOT_DIR is not set");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let (runtime, _) = runtime(directory.path(), ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    for name in ["c-actor", "js-actor", "python-actor"] {
        let bytes = std::fs::read(std::path::Path::new(&built).join(format!("{name}.wasm"))).unwrap();
        let spec = Spec::new(support::signed(name, &bytes)).mailbox(durable(2));
        let other = runtime.spawn(spec).await.unwrap();
        let sent = format!("all:send:acme/{name}=fail:no;;send:acme/{name}=echo:yes");
        assert_eq!(told(&a, &sent).await, "ok\nok");
        assert_eq!(told(&a, &format!("request:acme/{name},30000=echo:still here")).await, "still here");
        until(async || other.status().waiting == 0).await;
        let dead = other.dead_letters(0, 9).await.unwrap();
        assert_eq!((dead.len(), dead[0].deliveries, dead[0].body.as_slice()), (1, 2, b"fail:no".as_slice()));
        assert_eq!(other.status().restarts, 0, "{name}");
    }
}
