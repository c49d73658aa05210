//! airssys:runtime: what components say to each other, and lend each other. One file an interface.

mod delegation;
mod fail;

pub(crate) use delegation::{
    accepted_delegate, accepted_drop, accepted_terms, delegation_accept, delegation_delegate,
    delegation_withdraw,
};
pub(crate) use fail::{RuntimeFail, convert};

use crate::host::bindings::runtime::delegation as bound;
use crate::kernel::no_handles;

no_handles!(bound::Terms);
