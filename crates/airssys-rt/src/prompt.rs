//! Doing an actor's work where one waits for it.
//!
//! Whoever asks and waits has nothing better to do with its thread meanwhile than what it asked for. Woken, the actor's
//! task would do that later or on another core, and wake the asker in turn: two switches, where this is a call. The actor
//! notices nothing of it: its state stays where it is, and one thread at a time polls it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::runner::Lend;

/// How many actors' work may be done within each other: each needs a part of the thread's stack.
const DEEPEST: u8 = 8;

/// Who was woken within a [`gather`].
enum Gathering {
    Off,
    Nobody,
    One(Arc<dyn Lend>),
}

/// What an actor's work is done within.
#[derive(Clone, Copy)]
struct Within {
    depth: u8,
    /// How many messages it may still begin here.
    messages: Option<u8>,
}

thread_local! {
    static GATHERING: RefCell<Gathering> = const { RefCell::new(Gathering::Off) };
    static WITHIN: Cell<Within> = const { Cell::new(Within { depth: 0, messages: None }) };
}

/// Sends something, and does not yet wake whom it was sent to: that is done with what is returned.
///
/// For one who is about to wait for the answer. Of several actors that `send` wakes the first is meant, the others are
/// woken at once.
///
/// ```
/// use airssys_rt::{Actor, ActorSystem, Context, Failure, gather};
///
/// struct Adder(u64);
/// impl Actor for Adder {
///     type Message = u64;
///     async fn handle(&mut self, more: u64, _: &mut Context<Self>) -> Result<(), Failure> {
///         self.0 += more;
///         Ok(())
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let adder = ActorSystem::new().spawn(Adder(0))?;
/// adder.send(1).await?;
/// tokio::task::yield_now().await;
/// let (sent, prompt) = gather(|| adder.try_send(2));
/// sent?;
/// assert_eq!(adder.depth(), 1);
/// prompt.run();
/// assert_eq!(adder.depth(), 0);
/// # Ok(())
/// # }
/// ```
pub fn gather<T>(send: impl FnOnce() -> T) -> (T, Prompt) {
    if WITHIN.get().depth >= DEEPEST {
        return (send(), Prompt { woken: None });
    }
    let before = Before(Some(GATHERING.replace(Gathering::Nobody)));
    let sent = send();
    let woken = match GATHERING.replace(Gathering::Off) {
        Gathering::One(woken) => Some(woken),
        Gathering::Nobody | Gathering::Off => None,
    };
    drop(before);
    (sent, Prompt { woken })
}

/// Puts back what was gathered around.
struct Before(Option<Gathering>);

impl Drop for Before {
    fn drop(&mut self) {
        if let Some(before) = self.0.take()
            && let Gathering::One(woken) = GATHERING.replace(before)
        {
            // What was to be sent has panicked.
            woken.wake_task();
        }
    }
}

/// Keeps a runner that is woken within a [`gather`]. What comes back is to be woken.
pub(crate) fn caught(woken: Arc<dyn Lend>) -> Option<Arc<dyn Lend>> {
    let keep = |gathering: &RefCell<Gathering>| {
        let Ok(mut gathering) = gathering.try_borrow_mut() else { return Some(Arc::clone(&woken)) };
        match &*gathering {
            Gathering::Nobody => {
                *gathering = Gathering::One(Arc::clone(&woken));
                None
            }
            Gathering::One(known) if Arc::ptr_eq(known, &woken) => None,
            Gathering::One(_) | Gathering::Off => Some(Arc::clone(&woken)),
        }
    };
    // A thread that is about to end wakes at once.
    GATHERING.try_with(keep).unwrap_or(Some(Arc::clone(&woken)))
}

/// An actor that something was sent to and that was not woken for it yet. Dropped, it is.
///
/// The default is nobody.
#[must_use]
#[derive(Default)]
pub struct Prompt {
    woken: Option<Arc<dyn Lend>>,
}

impl Prompt {
    /// Does what the actor has to do with one message, here and now: until it waits for something. Where that cannot be,
    /// it is woken: another thread does its work at the moment, it belongs to another executor, or this is done within the
    /// work of many others.
    pub fn run(mut self) {
        let Some(woken) = self.woken.take() else { return };
        let here = Handle::try_current().is_ok_and(|here| here.id() == woken.home());
        if !here {
            return woken.wake_task();
        }
        let before = WITHIN.get();
        let _back = Back(before);
        WITHIN.set(Within { depth: before.depth.saturating_add(1), messages: Some(1) });
        woken.run_here();
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        if let Some(woken) = self.woken.take() {
            woken.wake_task();
        }
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt").field("wakes", &self.woken.is_some()).finish()
    }
}

struct Back(Within);

impl Drop for Back {
    fn drop(&mut self) {
        WITHIN.set(self.0);
    }
}

/// Counts a message that an actor has begun.
pub(crate) fn begun() {
    let within = WITHIN.get();
    if let Some(messages) = within.messages {
        WITHIN.set(Within { messages: Some(messages.saturating_sub(1)), ..within });
    }
}

/// Whether the actor whose work is done here has done what was asked for. The rest is its task's.
pub(crate) fn is_done() -> bool {
    WITHIN.get().messages == Some(0)
}
