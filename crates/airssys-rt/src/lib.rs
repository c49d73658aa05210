//! Actors for airssys-wasm: who owns state, who is told, who brings it back.
//!
//! This crate moves messages and keeps actors alive. It knows nothing of WebAssembly and nothing of policies: whether
//! a message may be sent is decided before it comes here, and what a message means is its receiver's business.
//!
//! # What holds
//!
//! *Nothing is dropped in silence.* Every mailbox has a bound, chosen when its actor is spawned, and an [`Overflow`]
//! that says what happens beyond it. A message that is not delivered is in the sender's error. Where dropping was
//! asked for it is counted exactly ([`Address::dropped`]), and so is what an actor accepted and did not read before it
//! ended.
//!
//! *One question, one answer.* The slot for the answer is there before the question is sent ([`Address::ask`]). It
//! belongs to that question, so a late answer reaches nobody else. A dropped [`Reply`] is an error to the asker at
//! once; an asker that goes away can be seen by the replier.
//!
//! *Asking an idle actor is a call.* Whoever waits for an answer does the actor's work meanwhile, if nobody does it, until
//! the actor waits itself ([`gather`]). Its state stays its own, and one thread at a time is in it.
//!
//! *System messages overtake.* Stopping, killing and the news of an end do not go through the mailbox, so a full one
//! does not hold them up. Killing ends a handler in the middle of an await.
//!
//! *Every end has a reason, and is told.* A failure, a panic in a handler, a hook or the drop of the state, a kill, the
//! end of a linked actor, even the end of the tokio runtime: monitors have a [`Down`], links follow,
//! [`ActorRef::ended`] returns.
//!
//! *A restart is a fresh start.* A [`Supervisor`] asks the factory of a [`ChildSpec`] for another instance. There are
//! never two live ones of a child: the next is spawned when the last has ended, not before. Waiting for a backoff, for
//! a factory or for a child's end holds up nobody else. Too many faults, and the supervisor stops its children in
//! reverse and fails itself.
//!
//! *A name leads to the one who lives.* After a restart to the new instance; meanwhile senders are told that it is
//! being restarted, and nobody else gets the name.
//!
//! *A shutdown ends.* [`ActorSystem::shutdown`] returns, and names who had to be killed and who could not be.
//!
//! # For who knows the BEAM
//!
//! Links, monitors, `trap_exit`, exit reasons, the strategies, restarts and intensity are as there, with these
//! differences. Mailboxes have bounds. A handler is killed at its next await and not between two instructions; one
//! that never awaits cannot be killed. `init` is the factory and [`Actor::started`]: the next sibling is started when
//! both are over. A first start that fails is tried again like any other, backed off and counted, and does not fail
//! the supervisor at once. A restart of a group leaves down what had ended well or was terminated. Restarts wait
//! longer each time ([`Backoff`]).
//!
//! # Where things are
//!
//! - `queue`, `overflow`, `reply`: mailboxes and questions; synchronous, and checked in a model of threads.
//! - `cell`: system messages, monitors and links of one actor; `life`: what it does from its first hook to its end;
//!   `runner`: who polls that, its task or ([`gather`]) whoever waits for it; `executors`: the end of those without one.
//! - `actor`, `context`, `address`: what one writes, and what one sends to.
//! - `directory`, `system`: names, ids, and the end of everything.
//! - `supervisor`: a plan that decides and runs nothing, checked in a model too, and the actor that carries it out.
//!
//! It stands on tokio alone. The actor crates at hand have either no bounds or no backoff, and cost twice as much for a
//! question and several times as much memory for an idle actor (`benches/actors.rs` measures one beside this).
//!
//! ```
//! use airssys_rt::{Actor, ActorSystem, ChildSpec, Context, Failure, Reply, Supervisor};
//!
//! struct Greeter;
//! struct Greet(&'static str, Reply<String>);
//!
//! impl Actor for Greeter {
//!     type Message = Greet;
//!     async fn handle(&mut self, Greet(name, reply): Greet, _: &mut Context<Self>) -> Result<(), Failure> {
//!         // Who asked may have gone.
//!         drop(reply.send(format!("Hello, {name}!")));
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let system = ActorSystem::new();
//! let root = Supervisor::default().spawn(&system, "root")?;
//! root.start_child(ChildSpec::new("greeter", || async { Ok(Greeter) })).await?;
//! let greeter = system.address("greeter")?;
//! assert_eq!(greeter.ask(|reply| Greet("world", reply)).await?, "Hello, world!");
//! # Ok(())
//! # }
//! ```

pub mod durable;

mod actor;
mod address;
mod backoff;
mod cell;
mod context;
mod directory;
mod error;
mod executors;
mod exit;
mod life;
mod overflow;
mod prompt;
mod queue;
mod reply;
mod runner;
mod supervisor;
mod sync;
mod system;

pub use actor::{Actor, Options};
pub use address::{ActorRef, Address};
pub use backoff::Backoff;
pub use context::Context;
pub use directory::{LookupError, SpawnError};
pub use error::{AskError, SendError};
pub use exit::{ActorId, Down, ExitReason, Failure, MonitorId, Shutdown, ToldBy};
pub use overflow::{Dropped, Overflow, Sent};
pub use prompt::{Prompt, gather};
pub use reply::Reply;
pub use supervisor::{
    ChildError, ChildInfo, ChildSpec, ChildState, Intensity, Restart, Strategy, Supervisor,
    SupervisorMessage, SupervisorRef,
};
pub use system::{ActorSystem, Late, Report};
