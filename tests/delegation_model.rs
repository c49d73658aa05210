//! Random lending, random policies, random ends: what is allowed is what a model says that was written from the sentence
//! alone: whoever lends first is permitted, nobody on the way is forbidden, and every link's terms cover the question.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

#[path = "../crates/airssys-osl/tests/lending/mod.rs"]
mod lending;

use airssys_osl::action::{FsRead, FsWrite};
use airssys_osl::{Accepted, ActionId, GuestPath, Session};
use lending::{IMPORT, Says, World, path, terms};
use proptest::prelude::*;
use std::sync::Arc;

const WHO: [&str; 4] = ["acme/a", "acme/b", "acme/c", "acme/d"];
const PATHS: [&str; 5] = ["/", "/data", "/data/in", "/data/in/x", "/database"];
const ACTIONS: [ActionId; 2] = [ActionId::FsRead, ActionId::FsWrite];

/// What is in what, written out by hand: rows lie in columns.
const LIES_IN: [[bool; 5]; 5] = [
    [true, false, false, false, false],
    [true, true, false, false, false],
    [true, true, true, false, false],
    [true, true, true, true, false],
    [true, false, false, false, true],
];

type Table = [[[Says; 5]; 2]; 4];

#[derive(Debug, Clone)]
enum Step {
    Lend { by: usize, to: usize, on: Option<usize>, actions: [bool; 2], path: usize, depth: u32 },
    Accept(usize),
    LetGo(usize),
    Withdraw(usize),
    End(usize),
    Swap(Box<Table>),
}

/// A delegation as the model knows it.
struct Link {
    by: usize,
    to: usize,
    on: Option<usize>,
    actions: [bool; 2],
    path: usize,
    depth: u32,
    withdrawn: bool,
    number: u64,
    held: Option<Accepted>,
}

struct Run {
    world: World,
    sessions: Vec<Arc<Session>>,
    ended: [bool; 4],
    says: Table,
    links: Vec<Link>,
}

impl Run {
    fn stands(&self, at: usize) -> bool {
        let link = &self.links[at];
        !link.withdrawn && !self.ended[link.by] && link.on.is_none_or(|on| self.stands(on))
    }

    fn chain(&self, at: usize) -> Vec<&Link> {
        let link = &self.links[at];
        link.on.map_or_else(Vec::new, |on| self.chain(on)).into_iter().chain([link]).collect()
    }

    fn allows(&self, who: usize, action: usize, path: usize) -> bool {
        let says = |who: usize| self.says[who][action][path];
        if self.ended[who] {
            return false;
        }
        match says(who) {
            Says::Permit => return true,
            Says::Forbid | Says::Fault => return false,
            Says::Nothing => {}
        }
        (0..self.links.len()).any(|at| {
            let chain = self.chain(at);
            self.links[at].held.is_some()
                && self.links[at].to == who
                && self.stands(at)
                && chain.iter().all(|link| link.actions[action] && LIES_IN[path][link.path])
                && says(chain[0].by) == Says::Permit
                && chain.iter().all(|link| matches!(says(link.by), Says::Permit | Says::Nothing))
        })
    }

    fn may_lend(&self, step: &Step) -> bool {
        let Step::Lend { by, to, on, actions, path, depth } = step else { return false };
        let narrower = |on: &usize| {
            let from = &self.links[*on];
            let fewer = (0..2).all(|action| !actions[action] || from.actions[action]);
            self.stands(*on) && fewer && LIES_IN[*path][from.path] && *depth < from.depth
        };
        by != to && !self.ended[*by] && actions.contains(&true) && on.as_ref().is_none_or(narrower)
    }

    fn lend(&mut self, step: &Step) {
        let Step::Lend { by, to, on, actions, path: at, depth } = step.clone() else { return };
        // Who lends on is who holds it.
        let on = on.filter(|on| self.links.get(*on).is_some_and(|link| link.held.is_some()));
        let by = on.map_or(by, |on| self.links[on].to);
        let step = Step::Lend { by, to, on, actions, path: at, depth };
        let expected = self.may_lend(&step);
        if !actions.contains(&true) {
            return;
        }
        let lent = (0..2).filter(|action| actions[*action]).map(|action| ACTIONS[action]);
        let terms = terms(lent, path(PATHS[at]), depth);
        let lent = match on {
            None => self.world.lend(&self.sessions[by], WHO[to], terms),
            Some(on) => self.world.lend_on(self.links[on].held.as_ref().unwrap(), WHO[to], terms),
        };
        assert_eq!(lent.is_ok(), expected, "{step:?}: {lent:?}");
        if let Ok(number) = lent {
            let (withdrawn, held) = (false, None);
            self.links.push(Link { by, to, on, actions, path: at, depth, withdrawn, number, held });
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Lend { .. } => self.lend(&step),
            Step::Accept(at) => {
                let Some(link) = self.links.get(at) else { return };
                let accepted = self.sessions[link.to].accept_lent(link.number, IMPORT);
                assert_eq!(accepted.is_ok(), self.stands(at));
                self.links[at].held = accepted.ok();
            }
            Step::LetGo(at) => {
                if let Some(link) = self.links.get_mut(at) {
                    link.held = None;
                }
            }
            Step::Withdraw(at) => {
                let Some(link) = self.links.get(at) else { return };
                let withdrawn = self.sessions[link.by].withdraw(link.number, IMPORT);
                assert_eq!(withdrawn.is_ok(), self.stands(at));
                self.links[at].withdrawn = true;
            }
            Step::End(who) => {
                self.sessions[who].end();
                self.ended[who] = true;
            }
            Step::Swap(says) => self.put(*says),
        }
    }

    fn put(&mut self, says: Table) {
        self.says = says;
        self.world.swap(rule(says));
    }
}

fn rule(says: Table) -> impl Fn(&str, ActionId, &str) -> Says {
    move |who, action, on| {
        let place = |list: &[&str], one: &str| list.iter().position(|item| *item == one);
        let Some(action) = ACTIONS.iter().position(|known| *known == action) else { return Says::Permit };
        says[place(&WHO, who).unwrap()][action][place(&PATHS, on).unwrap()]
    }
}

fn says() -> impl Strategy<Value = Says> {
    prop_oneof![
        4 => Just(Says::Permit),
        6 => Just(Says::Nothing),
        1 => Just(Says::Forbid),
        1 => Just(Says::Fault),
    ]
}

fn table() -> impl Strategy<Value = Table> {
    prop::collection::vec(says(), 40).prop_map(|flat| {
        let at = |who: usize, action: usize, path: usize| flat[who * 10 + action * 5 + path];
        std::array::from_fn(|who| std::array::from_fn(|action| std::array::from_fn(|p| at(who, action, p))))
    })
}

fn step() -> impl Strategy<Value = Step> {
    let lend =
        (0..4_usize, 0..4_usize, prop::option::of(0..12_usize), any::<[bool; 2]>(), 0..5_usize, 0..4_u32);
    prop_oneof![
        8 => lend.prop_map(|(by, to, on, actions, path, depth)| Step::Lend { by, to, on, actions, path, depth }),
        8 => (0..12_usize).prop_map(Step::Accept),
        1 => (0..12_usize).prop_map(Step::LetGo),
        1 => (0..12_usize).prop_map(Step::Withdraw),
        1 => (0..4_usize).prop_map(Step::End),
        2 => table().prop_map(|says| Step::Swap(Box::new(says))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn what_is_allowed_is_never_wider_than_any_link(
        first in table(),
        steps in prop::collection::vec(step(), 1..30),
    ) {
        let world = World::new(rule(first));
        let sessions = WHO.iter().map(|who| world.session(who)).collect();
        let mut run = Run { world, sessions, ended: [false; 4], says: first, links: Vec::new() };
        for step in steps {
            run.take(step);
            for (who, session) in run.sessions.iter().enumerate() {
                for (at, on) in PATHS.iter().enumerate() {
                    let on = GuestPath::parse(on).unwrap();
                    let allowed = [
                        session.authorize::<FsRead>(on.clone(), IMPORT).is_ok(),
                        session.authorize::<FsWrite>(on, IMPORT).is_ok(),
                    ];
                    let expected = [run.allows(who, 0, at), run.allows(who, 1, at)];
                    prop_assert_eq!(allowed, expected, "{} at {}", WHO[who], PATHS[at]);
                }
            }
        }
    }
}
