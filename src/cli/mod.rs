//! The command line: parse, call, print.
//!
//! Every command is a file here with its arguments, its help and the little it does; what it calls is the library's
//! public API. Nothing is read from the working directory unless an argument names it.
//!
//! ```text
//! args ──▶ command ──▶ library ──▶ console
//!            └── settings: flags over airssys.toml        └── exit: the table of statuses
//! ```

mod args;
mod audit_show;
mod audit_verify;
mod call;
mod console;
mod denials;
mod dev;
mod drawn;
mod exit;
mod explain;
mod failure;
mod files;
mod grants;
mod inputs;
mod inspect;
mod keygen;
mod outcome;
mod outline;
mod policy_check;
mod run;
mod sign;
mod trace;
mod values;
mod verify;

pub use args::main;
