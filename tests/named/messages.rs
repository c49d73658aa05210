//! Messages between components, in two languages where those are built.

use crate::support::{ALLOW_ALL, of_kind};
use crate::world::{actor, ask, runtime, swap, told, until};
use crate::{guests, support};
use airssys_wasm::embed::{MailboxTerms, Spec};

/// Everything but one action.
fn without(action: &str) -> String {
    format!("{ALLOW_ALL} @id(\"no\") forbid (principal, action == Action::\"{action}\", resource);")
}

#[tokio::test]
async fn a_component_that_may_not_send_is_told_the_same_as_of_nobody() {
    for (action, verb) in [("msg:send", "send:acme/b=x"), ("msg:request", "request:acme/b,1000=echo:x")] {
        let (runtime, log) = runtime(&without(action));
        let a = runtime.spawn(actor("a")).await.unwrap();
        let b = runtime.spawn(actor("b")).await.unwrap();
        let denied = ask(&a, verb).await.unwrap_err().to_string();
        let unknown = ask(&a, &verb.replace("acme/b", "acme/z")).await.unwrap_err().to_string();
        assert_eq!(denied, unknown);
        assert!(denied.contains("unreachable"), "{denied}");
        assert_eq!(told(&b, "heard:").await, "");
        let denials = of_kind(&log, "decision");
        let denied: Vec<_> = denials.iter().filter(|record| record["verdict"] == "deny").collect();
        assert_eq!(denied.len(), 2, "{denied:?}");
        assert_eq!(denied[0]["resource"]["instance"], 2, "one that lives is judged as it lives");
        assert!(denied[1]["resource"]["instance"].is_null());
    }
}

#[tokio::test]
async fn a_receiver_that_may_not_hear_hears_nothing_and_the_sender_is_told_as_of_nobody() {
    let (runtime, _) = runtime(&without("msg:receive"));
    let a = runtime.spawn(actor("a")).await.unwrap();
    let b = runtime.spawn(actor("b")).await.unwrap();
    assert_eq!(told(&a, "send:acme/b=x").await, "ok");
    let answer = ask(&a, "request:acme/b,5000=echo:x").await.unwrap_err().to_string();
    assert!(answer.contains("unreachable"), "{answer}");
    assert_eq!(told(&b, "heard:").await, "");
}

#[tokio::test]
async fn a_request_is_answered_by_the_handler_and_the_kernel_says_who_asked() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let b = runtime.spawn(actor("b")).await.unwrap();
    assert_eq!(told(&a, "request:acme/b,5000=echo:hello").await, "hello");
    let failed = ask(&a, "request:acme/b,5000=fail:on purpose").await.unwrap_err().to_string();
    assert!(failed.contains("failed(on purpose)"), "{failed}");
    assert_eq!(told(&a, "send:acme/b=by message").await, "ok");
    until(async || told(&b, "heard:").await.contains("by message")).await;
    let heard = told(&b, "heard:").await;
    let first = heard.lines().next().unwrap();
    assert!(first.contains("sender=acme/a") && first.contains("wants-reply=true"), "{first}");
    assert!(first.contains("deliveries=1 missed=0"), "{first}");
}

#[tokio::test]
async fn an_answer_may_come_later_and_is_the_senders_alone() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let b = runtime.spawn(actor("b")).await.unwrap();
    let asking = tokio::spawn({
        let a = a.clone();
        async move { ask(&a, "request:acme/b,30000=nothing:").await }
    });
    until(async || told(&b, "heard:").await.contains("nothing")).await;
    let other = ask(&b, "reply:99=forged").await.unwrap_err().to_string();
    assert!(other.contains("not-found"), "{other}");
    assert_eq!(told(&b, "reply:1=at last").await, "ok");
    assert!(ask(&b, "reply:1=again").await.is_err());
    assert_eq!(asking.await.unwrap().unwrap(), "at last");
}

#[tokio::test]
async fn an_error_may_come_later_too_and_once() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let b = runtime.spawn(actor("b")).await.unwrap();
    let asking = tokio::spawn({
        let a = a.clone();
        async move { ask(&a, "request:acme/b,30000=nothing:").await }
    });
    until(async || told(&b, "heard:").await.contains("nothing")).await;
    assert!(ask(&b, "reply-error:99=forged").await.unwrap_err().to_string().contains("not-found"));
    assert_eq!(told(&b, "reply-error:1=too late for that").await, "ok");
    let failed = asking.await.unwrap().unwrap_err().to_string();
    assert!(failed.contains("failed(too late for that)"), "{failed}");
    assert!(ask(&b, "reply:1=after all").await.unwrap_err().to_string().contains("not-found"));
}

#[tokio::test]
async fn whoever_forwards_acts_by_its_own_authority_and_cannot_ask_who_waits_for_it() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("secret"), "opened").unwrap();
    let policy = format!(
        "{ALLOW_ALL} @id(\"only-c\") forbid (principal, action in Action::\"fs\", resource)
            unless {{ principal == Component::\"acme/c\" }};"
    );
    let (config, _) = support::config(&policy);
    let mount =
        airssys_osl::fs::MountSpec::new(directory.path(), airssys_osl::GuestPath::parse("/d").unwrap());
    let runtime = airssys_wasm::ComponentRuntime::new(config.mount(mount)).unwrap();
    let a = runtime.spawn(actor("a")).await.unwrap();
    let _b = runtime.spawn(actor("b")).await.unwrap();
    let _c = runtime.spawn(actor("c")).await.unwrap();
    assert!(ask(&a, "read:/d/secret").await.is_err());
    assert_eq!(told(&a, "forward:acme/b=forward:acme/c=read:/d/secret").await, "opened");
    let circular = ask(&a, "forward:acme/b=forward:acme/a=echo:x").await.unwrap_err().to_string();
    assert!(circular.contains("circular"), "{circular}");
}

#[tokio::test]
async fn policies_see_on_whose_behalf_a_message_is_handled() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("secret"), "opened").unwrap();
    let policy = format!(
        "{ALLOW_ALL} @id(\"not-for-a\") forbid (principal, action in Action::\"fs\", resource)
            when {{ context.chain.contains(Component::\"acme/a\") }};"
    );
    let (config, log) = support::config(&policy);
    let mount =
        airssys_osl::fs::MountSpec::new(directory.path(), airssys_osl::GuestPath::parse("/d").unwrap());
    let runtime = airssys_wasm::ComponentRuntime::new(config.mount(mount)).unwrap();
    let a = runtime.spawn(actor("a")).await.unwrap();
    let b = runtime.spawn(actor("b")).await.unwrap();
    let denied = ask(&a, "forward:acme/b=read:/d/secret").await.unwrap_err().to_string();
    assert!(denied.contains("failed("), "{denied}");
    assert_eq!(told(&b, "read:/d/secret").await, "opened", "for the host it may");
    let decisions = of_kind(&log, "decision");
    let denied = decisions.iter().find(|record| record["verdict"] == "deny").unwrap();
    assert_eq!(denied["chain"][0]["component"], "acme/a");
}

#[tokio::test]
async fn whether_a_message_may_be_heard_is_decided_on_behalf_of_nobody_else() {
    // Nothing may be received while somebody waits for the receiver; the one who sends does not.
    let policy = format!(
        "{ALLOW_ALL} @id(\"alone\") forbid (principal, action == Action::\"msg:receive\", resource == Component::\"acme/c\")
            when {{ context has caller }};"
    );
    let (runtime, _) = runtime(&policy);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let b = runtime.spawn(actor("b")).await.unwrap();
    let c = runtime.spawn(actor("c")).await.unwrap();
    let busy = tokio::spawn({
        let a = a.clone();
        async move { told(&a, "request:acme/b,30000=sleep:800").await }
    });
    until(async || told(&c, "send:acme/b=meanwhile").await == "ok" && a.status().calls == 1).await;
    busy.await.unwrap();
    until(async || b.status().waiting == 0).await;
    assert!(told(&b, "heard:").await.contains("meanwhile"));
}

#[tokio::test]
async fn a_full_mailbox_is_told_and_events_missed_are_counted() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let small = MailboxTerms { messages: 2, bytes: 1 << 20, ..MailboxTerms::default() };
    let b = runtime.spawn(actor("b").mailbox(small)).await.unwrap();
    assert_eq!(told(&b, "subscribe:/t").await, "ok");
    // Busy with this, it takes nothing.
    let busy = tokio::spawn({
        let b = b.clone();
        async move { told(&b, "sleep:1500").await }
    });
    until(async || b.status().calls == 2).await;
    assert_eq!(told(&a, "all:send:acme/b=1;;send:acme/b=2").await, "ok\nok");
    until(async || b.status().waiting <= 2).await;
    let mut full = false;
    for _ in 0..4 {
        full |= ask(&a, "send:acme/b=more").await.is_err_and(|error| error.to_string().contains("full"));
    }
    assert!(full);
    for _ in 0..5 {
        assert_eq!(told(&a, "publish:/t/x=event").await, "ok");
    }
    busy.await.unwrap();
    until(async || b.status().waiting == 0).await;
    assert_eq!(told(&a, "send:acme/b=last").await, "ok");
    until(async || told(&b, "heard:").await.contains("last")).await;
    let heard = told(&b, "heard:").await;
    assert!(heard.contains("missed=5"), "{heard}");
}

#[tokio::test]
async fn a_change_of_policies_reaches_what_waits_in_a_mailbox() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let b = runtime.spawn(actor("b")).await.unwrap();
    let busy = tokio::spawn({
        let b = b.clone();
        async move { told(&b, "sleep:1000").await }
    });
    until(async || b.status().calls == 1).await;
    assert_eq!(told(&a, "all:send:acme/b=1;;send:acme/b=2;;send:acme/b=3").await, "ok\nok\nok");
    swap(&runtime, &without("msg:send"));
    busy.await.unwrap();
    until(async || b.status().waiting == 0).await;
    let heard = told(&b, "heard:").await;
    assert_eq!(heard, "", "none of them was taken before its turn");
    assert_eq!(b.status().dropped, 3);
}

#[tokio::test]
async fn actors_in_other_languages_speak_to_those_in_rust() {
    let Some(directory) = std::env::var_os("AIRSSYS_POLYGLOT_DIR") else {
        eprintln!("skipped: AIRSSYS_POLYGLOT_DIR is not set");
        return;
    };
    let (runtime, _) = runtime(ALLOW_ALL);
    let rust = runtime.spawn(actor("rust")).await.unwrap();
    for name in ["c-actor", "js-actor", "python-actor"] {
        let bytes = std::fs::read(std::path::Path::new(&directory).join(format!("{name}.wasm"))).unwrap();
        runtime.spawn(Spec::new(support::signed(name, &bytes))).await.unwrap();
        let verb = format!("forward:acme/{name}=forward:acme/rust=echo:x");
        let circular = ask(&rust, &verb).await.unwrap_err().to_string();
        assert!(circular.contains("circular"), "{name}: {circular}");
        assert_eq!(told(&rust, &format!("forward:acme/{name}=echo:hello")).await, "hello", "{name}");
    }
    let other = runtime.spawn(actor("other")).await.unwrap();
    assert_eq!(told(&other, "forward:acme/js-actor=forward:acme/python-actor=echo:x").await, "x");
}

#[tokio::test]
async fn one_that_polls_takes_its_messages_itself() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let poller = Spec::new(support::signed("poller", &guests::component("probe-poller")));
    let poller = runtime.spawn(poller).await.unwrap();
    let running = tokio::spawn(async move { poller.call_wave("wasi:cli/run#run()").await });
    assert_eq!(told(&a, "request:acme/poller,30000=echo:hello").await, "hello");
    assert_eq!(told(&a, "request:acme/poller,30000=stop:").await, "stopped");
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_row_of_components_that_ask_each_other_is_answered_from_its_end() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let names: Vec<String> = ('a'..='p').map(String::from).collect();
    let mut all = Vec::new();
    for name in &names {
        all.push(runtime.spawn(actor(name)).await.unwrap());
    }
    let asks = names[1..].iter().map(|name| format!("request:acme/{name},20000=")).collect::<String>();
    // Once when nobody has done anything yet, and then while all are idle.
    for _ in 0..3 {
        assert_eq!(told(&all[0], &format!("{asks}echo:here")).await, "here");
    }
}

#[tokio::test]
async fn whoever_asks_one_that_loops_hears_that_its_time_is_over_and_the_rest_goes_on() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let b = runtime.spawn(actor("b")).await.unwrap();
    let c = runtime.spawn(actor("c")).await.unwrap();
    assert_eq!(told(&a, "request:acme/b,20000=echo:idle").await, "idle");
    let late = ask(&a, "request:acme/b,200=spin:").await.unwrap_err().to_string();
    assert!(late.contains("timed"), "{late}");
    assert_eq!(told(&a, "request:acme/c,20000=echo:x").await, "x");
    assert_eq!(told(&c, "echo:y").await, "y");
    runtime.stop("acme/b", Some(std::time::Duration::ZERO)).await.unwrap();
    drop(b);
}

#[tokio::test]
async fn what_somebody_asked_for_who_has_ended_since_is_done_all_the_same() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let b = runtime.spawn(actor("b")).await.unwrap();
    assert_eq!(told(&a, "request:acme/b,20000=echo:idle").await, "idle");
    let asking = tokio::spawn(async move { ask(&a, "request:acme/b,20000=sleep:300").await });
    until(async || told(&b, "heard:").await.contains("sleep") || b.status().waiting == 0).await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    runtime.stop("acme/a", Some(std::time::Duration::ZERO)).await.unwrap();
    assert!(asking.await.unwrap().is_err());
    // The same instance, which has finished what it was doing.
    assert_eq!(told(&b, "echo:still").await, "still");
    assert_eq!(b.status().restarts, 0);
}
