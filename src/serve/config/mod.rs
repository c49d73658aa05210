//! `airssys.toml`: what components are given, and what a served system is made of.
//!
//! It is read only when `--config` names it. Unknown keys and every mistake are errors with file, line and column; paths
//! are relative to the file's own directory; a limit that is not enforced has no key.
//!
//! ```toml
//! policy = ["policy.cedar"]
//! trust = "trust.toml"
//! audit = "audit.jsonl"
//!
//! [serve]
//! state = "state"                      # revocations, highest releases, durable mailboxes
//! control = "control.sock"             # /run/airssys/control.sock unless it is said
//! metrics = "127.0.0.1:9000"           # or "9000": loopback
//!
//! [[operator]]
//! uid = 1000
//! groups = ["on-call"]
//!
//! [[component]]
//! name = "acme/thumb"
//! file = "thumb.signed.wasm"
//! restart = "transient"
//! mailbox = { capacity = 100, durable = true, max_deliveries = 5 }
//!
//! [[supervisor]]
//! name = "images"
//! strategy = "one-for-all"
//! children = ["acme/thumb"]
//! ```

mod granted;
mod place;
mod raw;
mod system;
#[cfg(test)]
mod tests;
mod tree;
pub(crate) mod values;

pub use granted::{ConfiguredMount, Granted};
pub use place::ConfigError;
pub use system::{ComponentConfig, LinkConfig, MailboxConfig, OperatorConfig, ServeConfig, SystemConfig};
pub use tree::{Backoff, Child, SupervisorConfig};
pub use values::Dir;

use serde::Deserialize;

/// The largest configuration that is read, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 1024 * 1024;

/// When a component is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// However it ended.
    #[default]
    Permanent,
    /// When it failed.
    Transient,
    /// Never.
    Temporary,
}

/// Whom a supervisor starts again when a child failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// That child.
    #[default]
    OneForOne,
    /// All of them.
    OneForAll,
    /// That child and those after it.
    RestForOne,
}
