//! The operating system layer of airssys-wasm: every effect, and the gate in front of it.
//!
//! A component can touch nothing but through a decision. This crate owns both halves of that sentence: the
//! [`gate`], which turns a decision into a [`Permit`], and the effects, which take their target from a permit or
//! from a handle that was born from one. It knows nothing of WebAssembly or of Cedar; it asks an [`Authorizer`]
//! and tells a [`Recorder`].
//!
//! *Invariant:* outside [`host_child`], [`host_files`], [`host_harden`], [`host_map`], [`host_private`], [`host_signals`], [`host_sockets`] and [`host_watch`] no public function has an effect without a [`Permit`] or a [`Lease`].

pub mod action;
pub mod calls;
pub mod clock;
pub mod environment;
pub mod fs;
pub mod gate;
mod handle;
pub mod host_child;
pub mod host_files;
pub mod host_harden;
pub mod host_map;
pub mod host_private;
pub mod host_signals;
pub mod host_sockets;
pub mod host_watch;
#[cfg(unix)]
mod mapped;
pub mod net;
pub mod operate;
pub mod own;
pub mod post;
pub mod principal;
pub mod random;
pub mod replace;
pub mod resource;
pub mod stdio;
mod steps;
#[cfg(test)]
mod testing;

pub use action::ActionId;
pub use gate::{
    Accepted, Allowance, Ask, Authorizer, BadTerms, Caller, Chain, DENIAL_QUOTA, Decision, Delegated, Denied,
    Ended, Entry, Gate, Lease, LendError, LimitExceeded, Outcome, Permit, Reasons, RecordError, Recorder,
    Session, Subject, Terms, Verdict, Weighed, Why, lend,
};
pub use principal::{OVERFLOW_UID, Operator, Party, Principal};
pub use resource::{
    Clock, Endpoint, EndpointError, EnvName, FunctionName, GuestPath, Host, HostError, PathError, Peer,
    ProcessSelf, Random, Resource, RuntimeSelf, Stdio, Topic, Transport, is_component,
};
