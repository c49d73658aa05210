//! The log of verdicts: one line each, chained, written before the effect.
//!
//! [`Log`] is the [`Recorder`](airssys_osl::Recorder) the gate tells. It turns each verdict into a [`Record`],
//! links it by SHA-256 to the record before it, and hands the line to its sinks: a file, memory, `tracing`, or a
//! [`Sink`] of the embedder's own. A line that a sink did not take is no record: it is taken back from the others,
//! the caller gets an error, and the effect does not happen.
//!
//! The other half reads: [`verify`] walks a log in constant memory and names the first record that was changed,
//! dropped, moved or inserted; [`query`], [`find`] and [`situation`] answer what happened. The format is described
//! in `docs/audit-format.md`, with a recipe that checks a log without this program.
//!
//! *Invariant:* a log holds names, never contents: no file bytes, no values of environment variables, no secrets.
//!
//! *Invariant:* a log is printable ASCII and line feeds, so that no guest can forge a line or move a cursor.
//!
//! This module knows neither wasmtime nor Cedar.

mod again;
mod canonical;
mod chain;
mod error;
mod facts;
mod file;
mod follower;
mod journal;
mod journaled;
mod lines;
mod log;
mod query;
mod record;
mod report;
mod show;
mod sink;
mod trace;
mod value;
mod verify;
mod writer;

pub use canonical::{BadLine, MAX_LINE};
pub use error::AuditError;
pub(crate) use facts::named;
pub use facts::{Limits, Load, PolicySet, Refused};
pub use follower::Follower;
pub use journaled::waiting;
pub use log::{Builder, Log};
pub use query::{Filter, Records, Situation, find, query, situation};
pub use record::{Exceeded, FORMAT, Kind, Lent, Link, Loaded, Opened, Record, Reuse, Target, Version, Word};
pub use report::{Finding, Report, Tail};
pub use show::show;
pub use sink::{Memory, Sink};
pub use value::{BadHash, BadHead, Hash, Head, Time};
pub use verify::verify;
