//! Files and directories: decided on the object, not on the name.
//!
//! [`Mounts`] holds host directories open. From a root, a guest reaches everything by paths, and each function here is
//! *find, decide, record, act*, in this order and on one and the same object (`locate`, `open`, `moves`).
//! Nothing depends on the guest's world being what it was a moment ago: names are looked up one at a time, links are
//! followed by this crate and not by the system, and the system's calls get one open directory and one plain name.
//!
//! The functions have the meaning of `wasi:filesystem` 0.2 and know nothing of it. All are plain synchronous calls; the
//! caller runs them where blocking is allowed unless [`Node::in_place`] says that they end soon; so does it with dropping
//! the last handle, which may write what is left.
//!
//! *Invariant:* an error that tells the state of a name is given only to who may `fs:stat` that name's canonical path
//! ([`FsError::Denied`] to everyone else), so a missing and a denied name answer alike.

mod asks;
mod check;
mod device;
mod directory;
mod effects;
mod entries;
mod error;
mod file;
mod locate;
mod mount;
mod moves;
mod names;
mod node;
#[cfg(all(test, unix))]
mod odd;
mod open;
mod path;
mod remembered;
mod spelling;
mod sys;
mod types;

pub use directory::Directory;
pub use entries::Entries;
pub use error::FsError;
pub use file::{File, MAX_READ_BYTES, MAX_WRITE_BYTES};
pub use mount::{MountError, MountOptions, MountSpec, Mounts, Resolver};
pub use node::Node;
pub use types::{Advice, Entry, Flags, Kind, MetadataHash, NewTime, NewTimes, OpenOptions, Stat};
