//! The control plane: what operators ask of a served system, over a Unix socket.
//!
//! HTTP and JSON, one request a connection. Who asks is what the system says of the other end of the socket, taken when
//! the connection was accepted; nothing in a request is believed about it. What may be asked is [`Controls`], and only
//! its implementor decides.
//!
//! ```text
//! GET  /v1/status                           GET  /v1/components
//! GET  /v1/components/PUBLISHER/NAME        POST …/call  …/send  …/reload  …/stop
//! POST /v1/policy   /v1/trust/reload        POST /v1/keys/ID/revoke
//! GET  /v1/logs?last=N&follow=true
//! ```
//!
//! *Invariant:* nobody holds more than one of a bounded number of connections, nor that one for longer than a bounded
//! time without taking what it is sent; only an operation that is under way takes the time it takes.

mod body;
mod controls;
mod error;
mod logs;
mod operator;
mod routes;
mod server;
mod wire;

pub(in crate::serve) use body::read;
pub use controls::Controls;
pub(in crate::serve) use error::Told;
pub use error::{Code, ControlError};
pub use operator::{Operator, Operators};
pub use server::ControlServer;
pub(in crate::serve) use wire::LostLines;
pub use wire::{
    CallAnswer, CallRequest, ComponentStatus, LogsRequest, Mailbox, PolicyRequest, PolicySwapped, Reloaded,
    Revoked, SendRequest, Sent, SourceText, State, StopRequest, Stopped, SystemStatus, TrustReloaded,
};

/// The version of what is spoken here. Both sides say theirs, and a difference is an error on either.
pub const PROTOCOL: &str = "1";

/// The header in which it is said.
pub(in crate::serve) const PROTOCOL_HEADER: &str = "airssys-protocol";

/// The longest body of a request, bytes, but for those of policies and of a component.
pub const MAX_BODY_BYTES: usize = 4 << 20;

/// The longest body of a request to swap policies, bytes.
pub const MAX_POLICY_BYTES: usize = 64 << 20;

/// The most records that a request for logs can begin with.
pub const MAX_LAST: usize = 10_000;
