//! Supervisors: who starts actors, learns of their ends, and starts them anew.
//!
//! - `spec`: what a child is: its factory, its restart, its time to stop.
//! - `strategy`, `intensity`: which children a fault concerns, how many faults are too many.
//! - `plan`: what follows from each event. It runs nothing and waits for nothing; a model checks it.
//! - `run`: the actor that does what the plan says.
//! - `kid`: what it keeps of each child.
//! - `handle`: what can be asked of a supervisor while it runs.

mod handle;
mod intensity;
mod kid;
mod plan;
mod run;
mod spec;
mod strategy;

pub use handle::{ChildError, ChildInfo, ChildState, SupervisorRef};
pub use intensity::Intensity;
pub use run::{Supervisor, SupervisorMessage};
pub use spec::ChildSpec;
pub use strategy::{Restart, Strategy};
