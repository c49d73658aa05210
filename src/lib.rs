//! A deny-by-default capability kernel for WebAssembly components.
//!
//! A component compiled from any language is loaded only if it is signed by a key you trust, and **can touch nothing
//! but through a decision**. Every function it may import stands in one table; each use of one is a question (who,
//! what for, on what) that [Cedar] policies answer; what none permits is denied, and every verdict is recorded before
//! its effect starts.
//!
//! ```text
//! bytes ──identity──▶ VerifiedComponent ──kernel──▶ Instance ──gate──▶ Permit<A> ──osl──▶ Handle + Lease
//! ```
//!
//! Each arrow is the only way to what stands behind it. A [`VerifiedComponent`](identity::VerifiedComponent) has no
//! constructor but [`identity::verify`]; only that is compiled; and an effect consumes an [`airssys_osl::Permit`],
//! reads its target from it, and is not callable without one.
//!
//! # Running a component
//!
//! A [`ComponentRuntime`] is made of a [`Config`], which starts closed: nobody is trusted, nothing is permitted,
//! nothing is mounted, and the standard streams lead nowhere.
//!
//! ```no_run
//! use airssys_wasm::{ComponentRuntime, Config};
//!
//! # async fn example() -> Result<(), airssys_wasm::Error> {
//! let config = Config::new().trust_file("trust.toml")?.policy_file("plugin.cedar")?.audit_file("audit.jsonl")?;
//! let runtime = ComponentRuntime::new(config)?;
//! let component = runtime.load_component("my-plugin.wasm").await?;
//! let answer: Vec<u8> = component.call("process-data", &b"input".to_vec()).await?;
//! # let _ = answer; Ok(())
//! # }
//! ```
//!
//! [`Component::call`] takes and returns serde values and checks them against the component's own types;
//! [`Component::call_typed`] takes Rust types; [`Component::run_command`] runs a command. [`blocking`] has the same
//! names for programs without an executor.
//!
//! # Denials and other errors
//!
//! For the guest a denial is an answer: the interface's own error, a closed stream, a variable that is not there. Only
//! where a function has no way to say no, such as reading a clock, does the call end, with [`Error::Denied`] and the
//! facts in it. [`Config::on_denied`] tells of every denial, and [`policy::suggest`] gives for each the least permit
//! that would lift it. A limit ends a call too, with [`Error::LimitExceeded`]. After either the instance is gone;
//! [`Component::instantiate`] gives another.
//!
//! # The layers
//!
//! Each knows only those below it; a test reads the sources and keeps it so.
//!
//! | module | what it does |
//! |---|---|
//! | [`serve`] | a served system: configuration, control socket, metrics |
//! | [`embed`] | the runtime, components in it, values in and out |
//! | [`actor`] | components as supervised actors |
//! | [`host`] | the host functions behind each interface; no system call |
//! | [`kernel`] | engine, mediation table, linker, instances, limits |
//! | [`policy`] | Cedar: load, decide, explain, suggest |
//! | [`audit`] | the chained log: write, query, verify |
//! | [`identity`] | signatures, keys, trust, manifests |
//! | [`airssys_osl`] | the gate, permits and leases; files, clocks, randomness, streams |
//!
//! # What it does not do
//!
//! There is no HTTP and no WASI 0.3 yet: a component that imports them is refused before it is instantiated. There is no way around the gate for a trusted component either; a policy that permits
//! everything is one line of Cedar.
//!
//! [Cedar]: https://www.cedarpolicy.com

pub mod actor;
pub mod audit;
#[doc(hidden)]
pub mod cli;
pub mod embed;
pub mod host;
pub mod identity;
pub mod kernel;
pub mod policy;
pub mod serve;

pub use airssys_osl::fs::MountSpec;
pub use airssys_osl::{Denied, GuestPath, Principal, stdio};
pub use embed::{Component, ComponentRuntime, Config, Error, blocking};
pub use kernel::Limits;
