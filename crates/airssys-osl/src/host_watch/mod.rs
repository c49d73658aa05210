//! Files of the host that change while it runs: policies, trust, components.
//!
//! The system only says that something has happened; what, is seen by looking. So nothing is lost when the system's own
//! queue overflows, and a file system that says nothing at all is looked at every few seconds. What is told has not changed
//! for [`SETTLED`]; whether it is whole is for its reader to find out, as with any other file.

mod seen;
mod watch;

pub use seen::{LONGEST, SETTLED};
pub use watch::{HostWatch, MOST_FILES, WatchedFiles};
