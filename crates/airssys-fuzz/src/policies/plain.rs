//! Plain Cedar on the full set, with entities as a person would write them down.

use super::entities::{Shown, all_rows, uid};
use super::random::{Asked, Case, schema};
use super::world::*;
use airssys_osl::{ActionId, Party, Resource};
use airssys_wasm::policy::BASE;
use cedar_policy::{
    Authorizer, Context, Decision, Effect, Entities, EntityUid, PolicyId, PolicySet, Request, Response,
};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// Decision, determining policies, policies that erred.
pub(crate) type Told = (Decision, BTreeSet<String>, BTreeSet<String>);

/// Who asks, about which component or function if it is about one, and on whose behalf: what the world shows.
type Key = (usize, Option<usize>, usize);

pub(crate) struct Plain {
    /// Those that read the context, to which callers are shown, and the others, to which they are not.
    policies: [PolicySet; 2],
    all: Entities,
    parties: Vec<Party>,
    shown: RefCell<BTreeMap<Key, Entities>>,
}

impl Plain {
    pub(crate) fn new(case: &Case, text: &str) -> Plain {
        let all = Entities::from_json_value(Value::Array(all_rows(case)), Some(schema())).unwrap();
        let mut policies = [PolicySet::new(), PolicySet::new()];
        for (source, id) in [(BASE, None), (text, Some("t.cedar#"))] {
            for policy in PolicySet::from_str(source).unwrap().policies() {
                let number =
                    policy.id().to_string().trim_start_matches("policy").parse::<usize>().unwrap() + 1;
                let id = id
                    .map_or_else(|| policy.annotation("id").unwrap().to_owned(), |p| format!("{p}{number}"));
                let reads_context = policy.to_string().contains("context");
                policies[usize::from(!reads_context)].add(policy.new_id(PolicyId::new(id))).unwrap();
            }
        }
        Plain { policies, all, parties: parties(), shown: RefCell::default() }
    }

    pub(crate) fn ask(&self, asked: Asked, resource: &Resource) -> Told {
        let Asked { who, action, import, chain, .. } = asked;
        let component = |at: &usize| json!({"__entity": uid("Component", PRINCIPALS[*at])});
        let (import, callers) = (IMPORTS[import], CHAINS[chain]);
        let mut context =
            json!({"import": import, "chain": callers.iter().map(component).collect::<Vec<_>>()});
        if let Some(caller) = callers.first() {
            context["caller"] = component(caller);
        }
        let request = Request::new(
            EntityUid::from_str(&self.parties[who].to_string()).unwrap(),
            EntityUid::from_str(&format!("Action::\"{}\"", ActionId::ALL[action])).unwrap(),
            EntityUid::from_str(&resource.to_string()).unwrap(),
            Context::from_json_value(context, None).unwrap(),
            Some(schema()),
        );
        let request = request.unwrap();
        let (mut reasons, mut forbidding, mut errors) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let views = self.policies.iter().zip([chain, 0]);
        for (policies, chain) in views.filter(|(policies, _)| !policies.is_empty()) {
            let response = self.response(&request, policies, Asked { chain, ..asked }, resource);
            let told: Vec<_> = response.diagnostics().reason().cloned().collect();
            let forbids = |id: &PolicyId| policies.policy(id).unwrap().effect() == Effect::Forbid;
            let (against, for_it): (Vec<_>, Vec<_>) = told.into_iter().partition(|id| forbids(id));
            forbidding.extend(against.iter().map(ToString::to_string));
            reasons.extend(for_it.iter().map(ToString::to_string));
            errors.extend(response.diagnostics().errors().map(|e| match e {
                cedar_policy::AuthorizationError::PolicyEvaluationError(e) => e.policy_id().to_string(),
            }));
        }
        match (forbidding.is_empty(), reasons.is_empty()) {
            (false, _) => (Decision::Deny, forbidding, errors),
            (true, false) => (Decision::Allow, reasons, errors),
            (true, true) => (Decision::Deny, BTreeSet::new(), errors),
        }
    }

    fn entities_for(&self, who: &Party, about: &Resource, chain: &[usize]) -> Entities {
        let Shown { hidden, added } = Shown::of(who, about, chain);
        let hidden =
            hidden.iter().map(|name| EntityUid::from_str(&format!("Component::\"{name}\"")).unwrap());
        let mut all = self.all.clone().remove_entities(hidden).unwrap();
        for (row, is_checked) in added {
            let schema = is_checked.then(schema);
            let added = Entities::from_json_value(json!([row]), schema).unwrap();
            all = all.upsert_entities(added, schema).unwrap();
        }
        all
    }

    fn response(&self, request: &Request, policies: &PolicySet, asked: Asked, on: &Resource) -> Response {
        let Asked { who, chain, .. } = asked;
        let about = matches!(on, Resource::Component(_) | Resource::Function(_));
        let mut shown = self.shown.borrow_mut();
        let entities = shown
            .entry((who, about.then_some(asked.resource), chain))
            .or_insert_with(|| self.entities_for(&self.parties[who], on, CHAINS[chain]));
        Authorizer::new().is_authorized(request, policies, entities)
    }
}
