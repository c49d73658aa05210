//! An interpreter of policies that knows no index and no shortcut: each policy in turn, its scope, then its conditions.
//!
//! It reads policies in Cedar's JSON form and entities as rows of an entity file, and shares no code with Cedar's
//! evaluator or ours. It is as slow as it looks.

use super::entities::{Shown, all_rows, uid};
use super::expression::{Error, Value, evaluate};
use super::plain::Told;
use super::random::{Asked, Case, schema};
use super::world::*;
use airssys_osl::{ActionId, Party, Resource};
use airssys_wasm::policy::BASE;
use cedar_policy::{Decision, PolicySet};
use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::str::FromStr;

/// An entity's type and id.
pub(crate) type Uid = (String, String);

/// The type and id in `{"type": …, "id": …}`.
pub(crate) fn uid_of(json: &Json) -> Uid {
    let json = json.get("__entity").unwrap_or(json);
    let word = |key: &str| json[key].as_str().unwrap().to_owned();
    (word("type"), word("id"))
}

/// What is known of entities: attributes and direct parents.
#[derive(Clone)]
pub(crate) struct World(BTreeMap<Uid, (Json, Vec<Uid>)>);

impl World {
    fn of(rows: impl IntoIterator<Item = Json>) -> World {
        let mut world = World(BTreeMap::new());
        rows.into_iter().for_each(|row| world.put(row));
        world
    }

    fn put(&mut self, mut row: Json) {
        let parents = row["parents"].as_array().unwrap().iter().map(uid_of).collect();
        self.0.insert(uid_of(&row["uid"]), (row["attrs"].take(), parents));
    }

    fn shown(&self, shown: Shown) -> World {
        let mut world = self.clone();
        for name in shown.hidden {
            world.0.remove(&uid_of(&uid("Component", name)));
        }
        shown.added.into_iter().for_each(|(row, _)| world.put(row));
        world
    }

    /// Whether one lies in the other, itself included.
    pub(crate) fn lies_in(&self, one: &Uid, other: &Uid) -> bool {
        let parents = self.0.get(one).map(|(_, parents)| parents.as_slice()).unwrap_or_default();
        one == other || parents.iter().any(|parent| self.lies_in(parent, other))
    }

    /// An entity's attribute, if both are known.
    pub(crate) fn attribute(&self, of: &Uid, name: &str) -> Option<&Json> {
        self.0.get(of)?.0.get(name)
    }
}

/// One question and what is known while it is answered.
pub(crate) struct Situation<'a> {
    pub(crate) world: &'a World,
    pub(crate) principal: Uid,
    pub(crate) action: Uid,
    pub(crate) resource: Uid,
    pub(crate) context: Value,
}

struct Policy {
    id: String,
    json: Json,
    reads_context: bool,
}

/// Policies and the world they are asked about.
pub(crate) struct Naive {
    policies: Vec<Policy>,
    world: World,
    parties: Vec<Party>,
    shown: RefCell<BTreeMap<(usize, usize, usize), Rc<World>>>,
}

impl Naive {
    pub(crate) fn new(case: &Case, text: &str) -> Naive {
        let built_in = PolicySet::from_str(BASE).unwrap();
        let named = |policy: &cedar_policy::Policy| policy.annotation("id").unwrap().to_owned();
        let mut policies: Vec<_> = built_in.policies().map(|p| read(p, named(p))).collect();
        let loaded = PolicySet::from_str(text).unwrap();
        let numbered = |policy: &cedar_policy::Policy| {
            let number: usize = policy.id().to_string().trim_start_matches("policy").parse().unwrap();
            format!("t.cedar#{}", number + 1)
        };
        policies.extend(loaded.policies().map(|p| read(p, numbered(p))));
        let actions = schema().action_entities().unwrap().to_json_value().unwrap();
        let actions = actions.as_array().unwrap().clone();
        let world = World::of(all_rows(case).into_iter().chain(actions));
        Naive { policies, world, parties: parties(), shown: RefCell::default() }
    }

    /// What one question is shown. The same to the next of the same asker on the same thing and behalf.
    fn world_of(&self, asked: Asked, resource: &Resource) -> Rc<World> {
        let mut shown = self.shown.borrow_mut();
        let shown = shown.entry((asked.who, asked.resource, asked.chain)).or_insert_with(|| {
            Rc::new(self.world.shown(Shown::of(&self.parties[asked.who], resource, CHAINS[asked.chain])))
        });
        Rc::clone(shown)
    }

    pub(crate) fn ask(&self, asked: Asked, resource: &Resource) -> Told {
        let who = &self.parties[asked.who];
        let [with, without] = [asked.chain, 0].map(|chain| self.world_of(Asked { chain, ..asked }, resource));
        let (mut permitting, mut forbidding) = (BTreeSet::new(), BTreeSet::new());
        let mut errors = BTreeSet::new();
        for policy in &self.policies {
            let world = if policy.reads_context { &with } else { &without };
            let applies = applies(&policy.json, &situation(world, who, asked, resource));
            let told = match (applies, policy.json["effect"].as_str().unwrap()) {
                (Ok(false), _) => continue,
                (Ok(true), "permit") => &mut permitting,
                (Ok(true), _) => &mut forbidding,
                (Err(Error), _) => &mut errors,
            };
            told.insert(policy.id.clone());
        }
        match (forbidding.is_empty(), permitting.is_empty()) {
            (false, _) => (Decision::Deny, forbidding, errors),
            (true, false) => (Decision::Allow, permitting, errors),
            (true, true) => (Decision::Deny, BTreeSet::new(), errors),
        }
    }
}

fn read(policy: &cedar_policy::Policy, id: String) -> Policy {
    let json = policy.to_json().unwrap();
    Policy { id, reads_context: json["conditions"].to_string().contains(r#"{"Var":"context"}"#), json }
}

fn situation<'a>(world: &'a World, who: &Party, asked: Asked, resource: &Resource) -> Situation<'a> {
    let component = |at: &usize| Value::Entity(("Component".to_owned(), PRINCIPALS[*at].to_owned()));
    let callers: Vec<_> = CHAINS[asked.chain].iter().map(component).collect();
    let import = Value::Text(IMPORTS[asked.import].to_owned());
    let caller = callers.first().cloned().map(|caller| ("caller".to_owned(), caller));
    let context = [("import".to_owned(), import), ("chain".to_owned(), Value::Set(callers))];
    let owned = |(kind, id): (&str, &str)| (kind.to_owned(), id.to_owned());
    let (kind, id) = who.entity();
    Situation {
        world,
        principal: (kind.to_owned(), id),
        action: owned(("Action", &ActionId::ALL[asked.action].to_string())),
        resource: owned((resource.kind(), resource.id())),
        context: Value::Record(context.into_iter().chain(caller).collect()),
    }
}

fn applies(policy: &Json, at: &Situation<'_>) -> Result<bool, Error> {
    let scope = [("principal", &at.principal), ("action", &at.action), ("resource", &at.resource)];
    if !scope.into_iter().all(|(part, uid)| fits(&policy[part], uid, at.world)) {
        return Ok(false);
    }
    for condition in policy["conditions"].as_array().unwrap() {
        let wanted = condition["kind"] == "when";
        if evaluate(&condition["body"], at)? != Value::Flag(wanted) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn fits(part: &Json, uid: &Uid, world: &World) -> bool {
    let within = |sets: &Json| {
        let several = sets["entities"].as_array().into_iter().flatten();
        several.chain(sets.get("entity")).any(|set| world.lies_in(uid, &uid_of(set)))
    };
    match part["op"].as_str().unwrap() {
        "All" => true,
        "==" => *uid == uid_of(&part["entity"]),
        "in" => within(part),
        "is" => part["entity_type"] == uid.0 && part.get("in").is_none_or(within),
        other => panic!("a scope with `{other}`"),
    }
}
