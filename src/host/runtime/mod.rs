//! airssys:runtime: what components say to each other, and lend each other. One file an interface.

mod delegation;
mod fail;
pub(crate) mod handler;
mod messaging;

pub(crate) use delegation::{
    accepted_delegate, accepted_drop, accepted_terms, delegation_accept, delegation_delegate,
    delegation_withdraw,
};
pub(crate) use fail::{RuntimeFail, convert};

use crate::host::bindings::runtime::{delegation as bound, types as bound_types};
use crate::kernel::no_handles;

no_handles!(bound::Terms, Option<bound_types::Message>);
pub(crate) use messaging::{
    message, messaging_acknowledge, messaging_publish_event, messaging_receive_message, messaging_reply,
    messaging_request, messaging_self_, messaging_send_message, messaging_subscribe_to_events,
    messaging_unsubscribe_from_events,
};
