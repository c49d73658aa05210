//! A served system: components that live, and the operators who tend them.
//!
//! What an operator may ask is the trait [`control::Controls`], what the process itself asks is [`System`], and what is
//! measured is [`metrics::Gauges`]; [`LiveSystem`] is all three over a runtime, and has each operation decided and recorded.
//! The rest reads the configuration, listens, bounds who waits for what and for how long, and hands on. It decides nothing.
//!
//! ```text
//! airssys.toml ──config──▶ SystemConfig ──▶ System (actor) ◀── Controls ──control──▶ Unix socket ◀── airssys ps, …
//!                                              ▲   └── Gauges ──metrics──▶ health ──▶ /healthz /readyz /metrics
//! SIGTERM, SIGHUP ──run────────────────────────┘
//! ```

pub mod client;
pub mod config;
mod connection;
pub mod control;
mod follow;
mod health;
pub mod metrics;
mod name;
mod run;
mod system;
#[cfg(feature = "otel")]
pub mod telemetry;
pub(crate) mod text;

pub use connection::Patience;
pub use follow::{Follow, Followed, Line, Logs};
pub use name::{BadName, ComponentName};
pub use run::{Ended, Event, ServeError, Served, System, run};
pub use system::{LiveSystem, Read};

/// Where the control socket is unless something else is said. It does not depend on who asks, or on where.
pub const CONTROL: &str = "/run/airssys/control.sock";
