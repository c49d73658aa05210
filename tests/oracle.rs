//! Every effect lies inside an epoch that permits it: the start of each, as airssys-osl tells it, and what a server and
//! a file system saw, against the changes of policies that came meanwhile. `AIRSSYS_ORACLE_SECONDS` says for how long.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod support;

#[path = "support/oracle/mod.rs"]
mod oracle;

#[test]
fn no_effect_lies_outside_a_permitting_epoch_while_policies_change_a_hundred_times_a_second() {
    oracle::run(false);
}

#[test]
fn no_effect_lies_outside_a_permitting_epoch_also_when_threads_are_paused_between_check_and_effect() {
    oracle::run(true);
}
