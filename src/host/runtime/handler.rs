//! airssys:runtime/handler and state: what a component exports that the kernel drives.

use crate::host::bindings::runtime::types::Message;
use crate::kernel::{Function, Track};
use airssys_osl::post::{Delivery, Inbox};

/// What a message is handed over by, as the log names it.
pub(crate) const HANDLE: &str = "airssys:runtime/handler#handle-message";

/// What a handler is given, and what it answers.
pub(crate) type Arguments = (Message,);
/// See [`Arguments`].
pub(crate) type Answer = (Result<Option<Vec<u8>>, String>,);

/// True for the function that messages are handed to.
pub(crate) fn is_one(function: &Function) -> bool {
    is_of(function, "airssys:runtime/handler", "handle-message")
}

/// True for that function of a state's interface.
pub(crate) fn is_state(function: &Function, name: &str) -> bool {
    is_of(function, "airssys:runtime/state", name)
}

/// True for a function that the kernel alone calls: a message's sender is stamped, and a state comes from the version before.
pub(crate) fn is_the_kernels(function: &Function) -> bool {
    is_one(function) || is_state(function, "save-state") || is_state(function, "restore-state")
}

fn is_of(function: &Function, interface: &str, name: &str) -> bool {
    let track = function.interface.as_deref().and_then(Track::of);
    function.name == name && track == Some(Track::offered(interface))
}

/// What the handler of a message has answered goes to whom it may concern.
pub(crate) async fn settle(inbox: &Inbox, delivery: &Delivery, answer: Answer) {
    let settled = match (answer.0, delivery.wants_reply) {
        // Its answer comes later, by `reply`.
        (Ok(None), true) => Ok(()),
        (Ok(Some(body)), true) => inbox.reply(delivery.id, Ok(body)),
        (Err(why), true) => inbox.reply(delivery.id, Err(why)),
        (Ok(_), false) => inbox.acknowledge(delivery.id).await,
        (Err(_), false) => inbox.give_up(delivery.id),
    };
    // It may have answered or acknowledged by itself. What could not be acknowledged on disk comes again.
    drop(settled);
}
