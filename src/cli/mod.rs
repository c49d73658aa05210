//! The command line: parse, call, print.
//!
//! Every command is a file here with its arguments, its help and the little it does; what it calls is the library's
//! public API. Nothing is read from the working directory unless an argument names it.
//!
//! ```text
//! args ──▶ command ──▶ library ──▶ console
//!            ├── settings: flags over airssys.toml        └── exit: the table of statuses
//!            ├── serve: the server itself, from its configuration
//!            └── served: a running server's control socket
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
mod harden;
mod inputs;
mod inspect;
mod keygen;
mod logs;
mod outcome;
mod outline;
mod policy_check;
mod policy_swap;
mod ps;
mod reload;
mod revoke;
mod run;
mod send;
mod serve;
mod served;
mod sign;
mod start;
mod status;
mod stop;
mod trace;
mod values;
mod verify;

pub use args::main;
