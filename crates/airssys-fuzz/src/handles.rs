//! Handles: whatever is opened, used, taken back and decided anew, in whatever order, each use is answered as a model of
//! five lines answers it.
//!
//! A use is permitted while neither its handle nor its session was revoked and the policies in force now permit it; as
//! long as the epoch is that of the last answer, nobody is asked again; and no verdict is recorded that was not taken.

use crate::choices::Choices;
use crate::scripted::{Lines, Rules, Scripted, session};
use airssys_osl::action::ClockRead;
use airssys_osl::clock::Reader;
use airssys_osl::{Clock, Gate, Session, Why};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const IMPORT: &str = "test:clocks/clock#now";
/// Fewer than there may be denials of one session.
const STEPS: usize = 200;
const CLOCKS: [(Clock, &str); 2] = [(Clock::Wall, "wall"), (Clock::Monotonic, "monotonic")];

/// What is judged: the use of a handle.
pub type Use = dyn Fn(&Reader) -> Result<(), Why>;

/// The product's use.
///
/// # Errors
/// Why not.
pub fn product(reader: &Reader) -> Result<(), Why> {
    reader.now(IMPORT).map(drop).map_err(|denied| denied.why)
}

/// The oracle.
///
/// # Panics
/// When a use is answered otherwise than by the model.
pub fn handles(data: &[u8]) {
    check(data, &product);
}

/// The same of any use.
///
/// # Panics
/// As [`handles`].
pub fn check(data: &[u8], used: &Use) {
    let mut choices = Choices::new(data);
    let mut world = World::new();
    for _ in 0..STEPS {
        if choices.is_empty() {
            return;
        }
        match choices.weighted(&[4, 8, 2, 1, 3]) {
            0 => world.open(&mut choices),
            1 => world.used(&mut choices, used),
            2 => world.revoke_handle(&mut choices),
            3 => world.revoke_session(&mut choices),
            _ => world.swap(&mut choices),
        }
    }
}

struct Handle {
    reader: Reader,
    of: usize,
    on: &'static str,
    revoked: bool,
    /// The change of policies since which it was last permitted from memory.
    answered: Option<u64>,
}

struct World {
    script: Arc<Scripted>,
    lines: Arc<Lines>,
    gate: Arc<Gate>,
    sessions: Vec<(Arc<Session>, bool)>,
    handles: Vec<Handle>,
    permitted: BTreeSet<&'static str>,
    reusable: bool,
    changes: u64,
}

impl World {
    fn new() -> World {
        let permitted: BTreeSet<_> = CLOCKS.iter().map(|(_, id)| *id).collect();
        let (script, lines) =
            (Scripted::new(Rules::Only(permitted.clone(), true)), Arc::new(Lines::default()));
        let gate = Gate::new(Arc::clone(&script) as _, Arc::clone(&lines) as _);
        let sessions = (1..=2).map(|instance| (session(&gate, instance), false)).collect();
        World { script, lines, gate, sessions, handles: Vec::new(), permitted, reusable: true, changes: 0 }
    }

    /// What the model says, and whether the log says no more than that.
    fn expected(&self, revoked: bool, on: &'static str) -> Result<(), Why> {
        let told = match (revoked, self.permitted.contains(on)) {
            (true, _) => Err(Why::Revoked),
            (false, true) => Ok(()),
            (false, false) => Err(Why::Policy),
        };
        for (allowed, id) in self.lines.take() {
            assert_eq!((allowed, id.as_str()), (told.is_ok(), on), "a verdict that was not taken");
        }
        told
    }

    fn open(&mut self, choices: &mut Choices<'_>) {
        let (of, (clock, on)) = (choices.below(self.sessions.len()), choices.one(&CLOCKS));
        let (session, revoked) = &self.sessions[of];
        let opened = session.authorize::<ClockRead>(clock, IMPORT);
        let told = opened.as_ref().map(drop).map_err(|denied| denied.why.clone());
        assert_eq!(told, self.expected(*revoked, on), "an opening");
        if let Ok(permit) = opened {
            let reader = Reader::new(permit);
            self.handles.push(Handle { reader, of, on, revoked: false, answered: None });
        }
    }

    fn used(&mut self, choices: &mut Choices<'_>, used: &Use) {
        let Some(at) = self.chosen(choices) else { return };
        let asked = self.script.asked.load(Ordering::SeqCst);
        let handle = &self.handles[at];
        let told = used(&handle.reader);
        assert_eq!(told, self.expected(handle.revoked || self.sessions[handle.of].1, handle.on), "a use");
        let again = self.script.asked.load(Ordering::SeqCst) - asked;
        assert!(again == 0 || handle.answered != Some(self.changes), "asked again in the same epoch");
        let answered = (told.is_ok() && self.reusable).then_some(self.changes);
        self.handles[at].answered = answered;
    }

    fn chosen(&self, choices: &mut Choices<'_>) -> Option<usize> {
        (!self.handles.is_empty()).then(|| choices.below(self.handles.len()))
    }

    fn revoke_handle(&mut self, choices: &mut Choices<'_>) {
        let Some(at) = self.chosen(choices) else { return };
        self.handles[at].reader.lease().revoke();
        self.handles[at].revoked = true;
        assert!(self.handles[at].reader.lease().is_revoked());
    }

    fn revoke_session(&mut self, choices: &mut Choices<'_>) {
        let at = choices.below(self.sessions.len());
        self.sessions[at].0.revoke();
        self.sessions[at].1 = true;
        assert!(self.sessions[at].0.is_revoked());
        // Another comes in its place, and inherits nothing.
        if choices.rarely(2) {
            let instance = self.sessions.len() as u64 + 1;
            self.sessions.push((session(&self.gate, instance), false));
        }
    }

    fn swap(&mut self, choices: &mut Choices<'_>) {
        let mask = choices.below(4);
        let ids = CLOCKS.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0).map(|(_, clock)| clock.1);
        (self.permitted, self.reusable) = (ids.collect(), choices.below(2) == 0);
        let old = self.script.swap(Rules::Only(self.permitted.clone(), self.reusable));
        self.gate.policies_changed(old);
        self.changes += 1;
    }
}
