//! Decisions on components, their functions and topics, by components and operators, on somebody's behalf.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod policy_support;

use airssys_osl::{
    ActionId, Ask, Authorizer, Caller, Chain, Decision, FunctionName, Operator, Outcome, Party, Peer,
    Principal, Resource, Subject,
};
use airssys_wasm::policy::{CedarAuthorizer, Policies, Question, Suggestion, explain};
use policy_support::{load, outcome, path, principal};
use std::sync::Arc;

fn asks(
    policies: &Policies,
    who: impl Into<Party>,
    chain: Chain,
    action: ActionId,
    on: &Resource,
) -> Decision {
    let (authorizer, subject) = (CedarAuthorizer::new(policies.clone()), Subject::new(who, 1));
    subject.serve(Arc::new(chain));
    authorizer.decide(&Ask { subject: &subject, action, resource: on, import: "t:t/t#t" })
}

fn may(policies: &Policies, action: ActionId, on: &Resource) -> Outcome {
    asks(policies, principal("acme/a"), Chain::default(), action, on).verdict.outcome()
}

fn live(name: &str, change: impl Fn(&mut Principal)) -> Resource {
    let mut who = principal(name);
    change(&mut who);
    Peer::live(&Arc::new(who), 5).into()
}

fn named(name: &str) -> Resource {
    Peer::named(name).unwrap().into()
}

fn operator(uid: u32, groups: &[&str]) -> Operator {
    Operator::new(uid, groups.iter().map(|group| (*group).to_owned()).collect()).unwrap()
}

fn on_behalf_of(names: &[&str]) -> Chain {
    Chain::of(names.iter().map(|name| Caller {
        principal: Arc::new(principal(name)),
        instance: 9,
        waits: true,
    }))
}

#[test]
fn a_permit_to_send_to_one_component_is_none_to_another_and_none_to_call_it() {
    let policies =
        load(r#"permit (principal, action == Action::"msg:send", resource == Component::"acme/b");"#);
    for (action, on) in [
        (ActionId::MsgSend, named("acme/c")),
        (ActionId::MsgSend, named("beta/b")),
        (ActionId::MsgRequest, named("acme/b")),
        (ActionId::MsgReceive, named("acme/b")),
    ] {
        assert_eq!(may(&policies, action, &on), Outcome::Deny, "{action} {on}");
    }
    assert_eq!(may(&policies, ActionId::MsgSend, &named("acme/b")), Outcome::Allow);
    assert_eq!(may(&policies, ActionId::MsgSend, &live("acme/b", |_| {})), Outcome::Allow);
}

#[test]
fn a_publisher_holds_its_components_and_their_functions_and_no_one_elses() {
    let policies = load(r#"permit (principal, action, resource in Publisher::"acme");"#);
    assert_eq!(may(&policies, ActionId::MsgSend, &named("acme-evil/b")), Outcome::Deny);
    assert_eq!(may(&policies, ActionId::MsgSend, &named("acme/b")), Outcome::Allow);
    let function = |name: &str| FunctionName::parse(name).unwrap().into();
    assert_eq!(may(&policies, ActionId::ComponentCall, &function("acmes/b#f")), Outcome::Deny);
    assert_eq!(may(&policies, ActionId::ComponentCall, &function("acme/b#f")), Outcome::Allow);
}

#[test]
fn a_function_lies_in_its_component_alone() {
    let one = r#"permit (principal, action == Action::"component:call",
        resource == Function::"acme/b#acme:text/shout.loud");"#;
    let all = r#"permit (principal, action == Action::"component:call", resource in Component::"acme/b");"#;
    let outcomes = |text: &str| {
        let policies = load(text);
        ["acme/b#acme:text/shout.loud", "acme/b#acme:text/shout.soft", "acme/bb#acme:text/shout.loud"]
            .map(|id| may(&policies, ActionId::ComponentCall, &FunctionName::parse(id).unwrap().into()))
    };
    assert_eq!(outcomes(one), [Outcome::Allow, Outcome::Deny, Outcome::Deny]);
    assert_eq!(outcomes(all), [Outcome::Allow, Outcome::Allow, Outcome::Deny]);
}

#[test]
fn groups_and_attributes_of_a_target_are_those_of_who_has_the_name_now() {
    let grouped = load(r#"permit (principal, action, resource in Group::"vetted");"#);
    let vetted = live("acme/b", |who| who.groups = vec!["vetted".to_owned()]);
    assert_eq!(may(&grouped, ActionId::MsgSend, &live("acme/b", |_| {})), Outcome::Deny);
    assert_eq!(may(&grouped, ActionId::MsgSend, &named("acme/b")), Outcome::Deny);
    assert_eq!(may(&grouped, ActionId::MsgSend, &vetted), Outcome::Allow);
    let released =
        load(r#"permit (principal, action == Action::"msg:send", resource) when { resource.release >= 8 };"#);
    assert_eq!(may(&released, ActionId::MsgSend, &live("acme/b", |_| {})), Outcome::Deny);
    assert_eq!(may(&released, ActionId::MsgSend, &named("acme/b")), Outcome::Fault, "nothing is known of it");
    assert_eq!(may(&released, ActionId::MsgSend, &live("acme/b", |who| who.release = 8)), Outcome::Allow);
}

#[test]
fn a_topic_lies_in_those_above_it_and_in_none_that_it_merely_begins_like() {
    let policies =
        load(r#"permit (principal, action == Action::"msg:publish", resource in Topic::"/orders");"#);
    let publishes = |topic| may(&policies, ActionId::MsgPublish, &Resource::parse("Topic", topic).unwrap());
    assert_eq!([publishes("/"), publishes("/order"), publishes("/orders2/new")], [Outcome::Deny; 3]);
    assert_eq!([publishes("/orders"), publishes("/orders/new")], [Outcome::Allow; 2]);
    let conditional = load(
        r#"permit (principal, action == Action::"msg:publish", resource) when { resource in Topic::"/orders" };"#,
    );
    let new = Resource::parse("Topic", "/orders/new").unwrap();
    assert_eq!(may(&conditional, ActionId::MsgPublish, &new), Outcome::Allow);
}

#[test]
fn a_caller_gives_nothing_and_policies_may_take_because_of_it() {
    let none = load(r#"permit (principal == Component::"acme/caller", action, resource);"#);
    let by = |chain: &[&str]| {
        let chain = on_behalf_of(chain);
        asks(&none, principal("acme/a"), chain, ActionId::FsRead, &path("/x")).verdict.outcome()
    };
    assert_eq!(by(&["acme/caller"]), Outcome::Deny, "a component acts with its own authority");
    let less = load(
        r#"permit (principal, action, resource);
        @id("chained") forbid (principal, action == Action::"fs:read", resource)
            when { context.chain.contains(Component::"evil/x") };
        @id("called") forbid (principal, action == Action::"fs:read", resource)
            when { context has caller && context.caller in Publisher::"loud" };"#,
    );
    let reads = |chain: &[&str]| {
        let decision = asks(&less, principal("acme/a"), on_behalf_of(chain), ActionId::FsRead, &path("/x"));
        assert!(!decision.reusable, "a verdict that read the context is good for once");
        outcome(&decision)
    };
    assert_eq!(reads(&["acme/b", "evil/x"]), (Outcome::Deny, vec!["chained".to_owned()]));
    assert_eq!(reads(&["loud/b"]), (Outcome::Deny, vec!["called".to_owned()]));
    assert_eq!(reads(&["acme/b", "loud/b"]).0, Outcome::Allow);
    assert_eq!(reads(&[]).0, Outcome::Allow);
}

#[test]
fn attributes_of_whoever_called_are_read_and_a_component_may_be_its_own_caller() {
    let policies = load(
        r#"permit (principal, action == Action::"fs:read", resource)
            when { context has caller && context.caller.release == principal.release };"#,
    );
    let reads = |chain: &[&str]| {
        asks(&policies, principal("acme/a"), on_behalf_of(chain), ActionId::FsRead, &path("/x"))
    };
    assert_eq!(reads(&[]).verdict.outcome(), Outcome::Deny);
    assert_eq!(reads(&["acme/b"]).verdict.outcome(), Outcome::Allow);
    assert_eq!(reads(&["acme/a"]).verdict.outcome(), Outcome::Allow);
}

#[test]
fn an_operator_is_no_component_and_a_component_no_operator() {
    let policies = load(
        r#"permit (principal is Component, action, resource);
        permit (principal == Operator::"1000", action == Action::"component:stop", resource);
        permit (principal is Operator in Group::"admins", action == Action::"runtime:stop", resource);"#,
    );
    let on = named("acme/b");
    let stops = |uid, groups: &[&str], action, on: &Resource| {
        asks(&policies, operator(uid, groups), Chain::default(), action, on).verdict.outcome()
    };
    let runtime = Resource::parse("Runtime", "self").unwrap();
    assert_eq!(stops(1001, &[], ActionId::ComponentStop, &on), Outcome::Deny);
    assert_eq!(stops(1000, &[], ActionId::MsgSend, &on), Outcome::Deny, "that is for components");
    assert_eq!(stops(1000, &[], ActionId::ComponentStop, &on), Outcome::Allow);
    assert_eq!(stops(1000, &["others"], ActionId::RuntimeStop, &runtime), Outcome::Deny);
    assert_eq!(stops(7, &["admins"], ActionId::RuntimeStop, &runtime), Outcome::Allow);
    assert!(Operator::new(65534, Vec::new()).is_none(), "nobody's id is no operator's");
}

#[test]
fn what_would_lift_an_operators_denial_names_the_operator_and_loads() {
    let question = Question {
        principal: operator(1000, &[]).into(),
        action: ActionId::ComponentReload,
        resource: named("acme/b"),
        import: String::new(),
        chain: Arc::default(),
    };
    let Some(Suggestion::Permit(least)) = explain(&load(""), &question).suggestion else { panic!() };
    assert!(least.contains(r#"principal == Operator::"1000""#), "{least}");
    assert_eq!(explain(&load(&least), &question).verdict, "allow");
}
