//! The embedding API: a runtime, components in it, calls into them.
//!
//! Asynchronous first; [`blocking`] mirrors every name for programs without an executor.
//!
//! ```no_run
//! use airssys_wasm::embed::{ComponentRuntime, Config};
//!
//! # async fn example() -> Result<(), airssys_wasm::embed::Error> {
//! let config = Config::new().trust_file("trust.toml")?.policy_file("plugin.cedar")?;
//! let runtime = ComponentRuntime::new(config)?;
//! let component = runtime.load_component("my-plugin.wasm").await?;
//! let answer: Vec<u8> = component.call("process-data", &b"input".to_vec()).await?;
//! # let _ = answer; Ok(())
//! # }
//! ```

pub mod blocking;
mod component;
mod config;
mod error;
mod hardening;
mod inspect;
mod linking;
mod live;
mod named;
mod recorder;
mod revocation;
mod runtime;
mod source;
mod state;
mod timekeeping;
pub mod value;
mod version;

pub use component::Component;
pub use config::Config;
pub use error::Error;
pub use inspect::{ExportView, ImportView, Inspection};
pub use linking::Linking;
pub use named::{Condition, DeadLetter, MailboxTerms, Named, Node, Reloaded, Spec, Status, Stopped, Tree};
pub(crate) use recorder::Watched;
pub use runtime::ComponentRuntime;
pub use source::ComponentSource;

pub use airssys_rt::durable::Reason;
pub use airssys_rt::{Backoff, Intensity, Report, Restart, Strategy};

pub use crate::host::custom::{Asks, Call, HostInterface};
pub use crate::kernel::SPANS;
