//! What the component remembers from one call to the next.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crate::probe_actor::airssys::runtime::types::Message;
use crate::speech::line;
use crate::verbs;

/// More than any test looks at, and no more memory than a guest may have.
const KEPT: usize = 10_000;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static LATEST: Cell<u64> = const { Cell::new(0) };
    static HEARD: RefCell<VecDeque<String>> = const { RefCell::new(VecDeque::new()) };
    static PRETENDED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Raises the counter, which is all the state that outlives a change of version.
pub(crate) fn count() -> u64 {
    COUNT.set(COUNT.get() + 1);
    COUNT.get()
}

/// Remembers a message.
pub(crate) fn hear(message: &Message) {
    LATEST.set(message.id);
    HEARD.with_borrow_mut(|heard| {
        if heard.len() == KEPT {
            heard.pop_front();
        }
        heard.push_back(line(message));
    });
}

/// The number of the message that came last.
pub(crate) fn latest() -> u64 {
    LATEST.get()
}

/// All messages so far, one line each.
pub(crate) fn heard() -> String {
    HEARD.with_borrow(|heard| heard.iter().map(String::as_str).collect::<Vec<_>>().join("\n"))
}

/// From now on this is the state, whatever the counter says.
pub(crate) fn pretend(state: String) {
    PRETENDED.set(Some(state));
}

/// The state.
pub(crate) fn save() -> Result<String, String> {
    let state = PRETENDED.with_borrow(|state| state.clone().unwrap_or_else(|| COUNT.get().to_string()));
    match state.as_str() {
        "save-fail" => Err("asked not to save".to_string()),
        "save-panic" => panic!("asked to panic while saving"),
        "save-spin" => verbs::spin(),
        _ => Ok(state),
    }
}

/// Takes over a state.
pub(crate) fn restore(state: &str) -> Result<(), String> {
    if state.starts_with("bad") {
        return Err(format!("bad state `{state}`"));
    }
    match state {
        "panic" => panic!("asked to panic while restoring"),
        "spin" => verbs::spin(),
        _ => {}
    }
    COUNT.set(state.parse().map_err(|_| "the state is not a number".to_string())?);
    Ok(())
}
