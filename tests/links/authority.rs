//! Who may call, and by whose authority something is done.

use crate::ends::is_given_up;
use crate::guests;
use crate::support::{self, ALLOW_ALL};
use crate::world::{AT_LAST, NO_CALLS, SHOUT, World, linked, number, own_count, unanswered};
use airssys_wasm::embed::Error;
use airssys_wasm::kernel::Unanswered;
use airssys_wasm::policy::Source;
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn a_denied_call_traps_is_recorded_once_and_nothing_is_done() {
    let world = World::new("");
    let callee = world.callee().await;
    let caller = world.caller(&callee).await;
    let error = number(&caller, "count").await.unwrap_err();
    let Error::Denied(denied) = &error else { panic!("{error:?}") };
    assert_eq!(denied.action.name(), "component:call");
    assert_eq!(denied.resource.id(), "acme/callee#acme:text/shout.count");
    let calls = world.calls();
    assert_eq!(calls.len(), 1, "{calls:#?}");
    assert_eq!((&calls[0]["subject"], &calls[0]["verdict"]), (&"acme/caller".into(), &"deny".into()));
    assert_eq!(calls[0]["import"], "acme:text/shout#count");
    let id = "acme/callee#acme:text/shout.count";
    assert_eq!(calls[0]["resource"], json!({"type": "Function", "id": id, "instance": 1}));
    assert!(matches!(number(&caller, "count").await, Err(Error::Ended)));
    assert_eq!(own_count(&callee).await, 1, "it was not called, and lives");
}

#[tokio::test]
async fn a_permit_for_one_function_or_one_caller_is_none_for_another() {
    let one = r#"permit (principal == Component::"acme/caller", action == Action::"component:call",
        resource == Function::"acme/callee#acme:text/shout.count");"#;
    let other = r#"permit (principal == Component::"acme/other", action, resource);"#;
    let all =
        r#"permit (principal, action == Action::"component:call", resource in Component::"acme/callee");"#;
    for (policy, function, may) in [
        (one, "count", true),
        (one, "open", false),
        (other, "count", false),
        (all, "count", true),
        (all, "open", true),
    ] {
        let world = World::new(policy);
        let callee = world.callee().await;
        let caller = world.caller(&callee).await;
        let done = number(&caller, function).await;
        assert_eq!(done.is_ok(), may, "{policy} {function}: {done:?}");
        assert_eq!(world.calls().len(), 1);
    }
}

#[tokio::test]
async fn each_reads_by_its_own_authority_and_never_by_the_others() {
    let call = r#"permit (principal, action == Action::"component:call", resource);"#;
    let read =
        |who: &str| format!("{call} permit (principal == Component::\"acme/{who}\", action, resource);");
    for (who, own, by_callee) in [("callee", 2000, 0), ("caller", 0, 2000)] {
        let world = World::new(&read(who));
        let callee = world.callee().await;
        let caller = world.caller(&callee).await;
        assert_eq!(number(&caller, "own-open").await.unwrap(), own, "{who}");
        assert_eq!(number(&caller, "open").await.unwrap(), by_callee, "{who}");
        let subject = format!("acme/{who}");
        let decisions = support::of_kind(&world.log, "decision");
        let opened: Vec<_> = decisions.iter().filter(|record| record["action"] == "fs:read").collect();
        assert!(opened.iter().all(|record| record["subject"] == subject.as_str()), "{opened:#?}");
        assert!(!opened.is_empty());
    }
}

#[tokio::test]
async fn whoever_called_is_seen_by_the_policies_of_what_is_done_and_only_while_it_is() {
    let world = World::new(
        r#"@id("all") permit (principal, action, resource);
        @id("called") forbid (principal == Component::"acme/callee", action == Action::"fs:read", resource)
            when { context has caller && context.caller == Component::"acme/caller" };
        @id("chained") forbid (principal == Component::"acme/callee", action == Action::"fs:read", resource)
            when { context.chain.contains(Component::"acme/evil") };"#,
    );
    let callee = world.callee().await;
    let (caller, good) = (world.caller(&callee).await, world.middle("good", &callee).await);
    let evil = world.middle("evil", &good).await;
    let open = "acme:text/shout@1.0.0#open";
    assert_eq!(number(&callee, open).await.unwrap(), 0);
    assert_eq!(number(&caller, "open").await.unwrap(), 1000, "its caller is not to have it read");
    assert_eq!(number(&callee, open).await.unwrap(), 0, "for the host it reads again");
    assert_eq!(number(&good, open).await.unwrap(), 0);
    assert_eq!(number(&evil, open).await.unwrap(), 1000, "who called the caller counts too");
    let decisions = support::of_kind(&world.log, "decision");
    let chains: Vec<_> = decisions
        .iter()
        .filter(|record| record["action"] == "fs:read" && record["verdict"] == "deny")
        .map(|record| record["chain"].clone())
        .collect();
    let names: Vec<Vec<&str>> = chains
        .iter()
        .map(|chain| {
            chain.as_array().unwrap().iter().map(|link| link["component"].as_str().unwrap()).collect()
        })
        .collect();
    assert_eq!(names, [vec!["acme/caller"], vec!["acme/good", "acme/evil"]], "{chains:?}");
}

#[tokio::test]
async fn the_chain_is_in_the_question_of_a_call_too() {
    let world = World::new(
        r#"permit (principal, action, resource);
        forbid (principal == Component::"acme/good", action == Action::"component:call", resource)
            when { context.chain.contains(Component::"acme/evil") };"#,
    );
    let callee = world.callee().await;
    let good = world.middle("good", &callee).await;
    let evil = world.middle("evil", &good).await;
    assert_eq!(number(&good, "acme:text/shout@1.0.0#count").await.unwrap(), 1);
    let done = number(&evil, "acme:text/shout@1.0.0#count").await;
    assert_eq!(unanswered(done), Unanswered::Failed, "what was denied to the other is not told");
    assert_eq!(own_count(&callee).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_under_way_ends_when_its_permission_is_lost_and_no_change_waits_for_it() {
    for way in ["swap", "revoke", "key"] {
        let (world, callee, caller) = linked().await;
        let caller = Arc::new(caller);
        let waiting = tokio::spawn({
            let caller = Arc::clone(&caller);
            async move { caller.call::<_, ()>("wait", &()).await }
        });
        world.gate.is_waited_at().await;
        match way {
            "swap" => drop(world.runtime.swap_policy(&[Source::new("no-calls", NO_CALLS)], &[]).unwrap()),
            "revoke" => caller.revoke().unwrap(),
            _ => drop(world.runtime.revoke_key(&support::KEY.public_key().key_id()).unwrap()),
        }
        let done = tokio::time::timeout(AT_LAST, waiting).await.unwrap().unwrap();
        let by_callee = way == "key" && matches!(&done, Err(Error::Unanswered(_)));
        assert!(matches!(&done, Err(Error::Denied(_))) || by_callee, "{way}: {done:?}");
        is_given_up(&world, &callee).await;
        let denied = world.calls().iter().filter(|record| record["verdict"] != "allow").count();
        assert_eq!(denied, usize::from(!by_callee), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_under_way_goes_on_under_policies_that_still_permit_it() {
    let (world, callee, caller) = linked().await;
    let waiting = tokio::spawn(async move { caller.call::<_, ()>("wait", &()).await });
    world.gate.is_waited_at().await;
    world.runtime.swap_policy(&[Source::new("all", ALLOW_ALL)], &[]).unwrap();
    world.gate.opened.notify_one();
    tokio::time::timeout(AT_LAST, waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(own_count(&callee).await, 1);
}

#[tokio::test]
async fn calls_of_a_spinning_component_end_with_the_permission_too() {
    let (world, callee, caller) = linked().await;
    let spinning = tokio::spawn(async move { caller.call::<_, ()>("spin", &()).await });
    while world.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    world.runtime.swap_policy(&[Source::new("no-calls", NO_CALLS)], &[]).unwrap();
    let done = tokio::time::timeout(AT_LAST, spinning).await.unwrap().unwrap();
    assert!(matches!(&done, Err(Error::Denied(_))), "{done:?}");
    assert!(matches!(number(&callee, "own-open").await, Err(Error::Ended)));
}

#[tokio::test]
async fn a_link_is_shown_and_another_instance_has_the_same() {
    let (world, callee, caller) = linked().await;
    assert_eq!(caller.links().collect::<Vec<_>>(), [(SHOUT, "acme/callee")]);
    assert_eq!(callee.links().count(), 0);
    let other = caller.instantiate().await.unwrap();
    assert_eq!(number(&caller, "count").await.unwrap(), 1);
    assert_eq!(number(&other, "count").await.unwrap(), 2, "one callee for both");
    let signed = || support::signed("caller", &guests::caller("1.0.0"));
    let shown = world.runtime.inspect_component(signed()).await.unwrap();
    let import = |shown: &airssys_wasm::embed::Inspection| {
        let found = shown.imports.iter().find(|import| import.function == "count").unwrap();
        (found.offered, found.needs_link, found.linked.clone(), found.asks.clone(), found.on)
    };
    let asks = vec!["component:call"];
    assert_eq!(import(&shown), (false, true, None, asks.clone(), Some("Function")));
    let shown = world.runtime.linked(signed()).link(SHOUT, &callee).inspect().await.unwrap();
    let callee = Some("acme/callee".to_owned());
    assert_eq!(import(&shown), (false, false, callee, asks, Some("Function")));
    assert!(shown.outlook.iter().any(|row| row.action == "component:call"));
}
