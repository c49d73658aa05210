//! Arguments: the commands there are, and the way from an argument to a status.

use super::console::{Console, usage};
use super::exit::{self, Exit};
use super::failure::Failure;
use super::files::args_ambient;
use super::{
    audit_show, audit_verify, call, explain, inspect, keygen, logs, policy_check, policy_swap, ps, reload,
    revoke, run, send, serve, sign, start, status, stop, trace, verify,
};
use crate::kernel::compile_for_parent;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Run WebAssembly components that can touch nothing but through a decision.
///
/// A component is run only if it is signed by a key you trust. What it asks for is decided by Cedar policies; what none
/// permits is denied, and every verdict is recorded.
#[derive(Debug, Parser)]
#[command(name = "airssys", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    /// Answer in JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  airssys keygen -o author.key
  airssys sign thumb.wasm --manifest plugin.toml --key author.key -o thumb.signed.wasm
  airssys inspect thumb.signed.wasm --trust trust.toml --policy policy.cedar
  airssys run thumb.signed.wasm --trust trust.toml --policy policy.cedar --dir ./photos::/photos:ro
  airssys serve --config airssys.toml
  airssys policy explain --policy policy.cedar --audit audit.jsonl --seq 7";

#[derive(Debug, Subcommand)]
enum Command {
    Keygen(keygen::Keygen),
    Sign(sign::Sign),
    Verify(verify::Verify),
    Inspect(inspect::Inspect),
    Run(run::Run),
    Call(call::Call),
    Serve(serve::Serve),
    Ps(ps::Ps),
    Status(status::Status),
    Send(send::Send),
    Reload(reload::Reload),
    Start(start::Start),
    Stop(stop::Stop),
    Revoke(revoke::Revoke),
    Logs(logs::Logs),
    /// Check policies, explain verdicts, and put policies in force.
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Policy(Group<PolicyCommand>),
    /// Read a log of verdicts, and prove it whole.
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Audit(Group<AuditCommand>),
}

#[derive(Debug, Args)]
struct Group<C: Subcommand> {
    #[command(subcommand)]
    command: C,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    Check(policy_check::Check),
    Swap(policy_swap::Swap),
    Explain(Box<explain::Explain>),
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    Show(audit_show::Show),
    Verify(audit_verify::Verify),
}

/// Runs the command that this process was started with.
pub fn main() -> ExitCode {
    let arguments = args_ambient();
    // First of all, while there is one thread: this process may have been started to compile something and nothing else.
    if let Some(status) = compile_for_parent(&arguments) {
        return ExitCode::from(status);
    }
    let cli = match parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(decline(&error, &arguments).code()),
    };
    let console = Console::new(cli.json);
    // A server's configuration says where its traces go, so it begins to tell when it has read that.
    let begun = match &cli.command {
        Command::Serve(_) => Ok(()),
        _ => trace::start(console),
    };
    match begun.and_then(|()| cli.command.run(console)) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            console.fail(&failure);
            ExitCode::from(failure.exit.code())
        }
    }
}

fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let mut command = Cli::command().after_long_help(format!("{EXAMPLES}\n\n{}", exit::help()));
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Help and version are answers; everything else that clap says is a mistake of ours to report.
fn decline(error: &clap::Error, arguments: &[OsString]) -> Exit {
    let json = arguments.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json");
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that went away has seen enough.
            let _ = error.print();
            return Exit::Done;
        }
        _ if json => {
            let text = error.render().to_string();
            let (message, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
            let message = message.trim_start_matches("error: ");
            Console::new(true).fail(&Failure::wrong(message.trim(), rest.trim()));
        }
        _ => usage(error),
    }
    Exit::Own
}

impl Command {
    fn run(self, console: Console) -> Result<u8, Failure> {
        match self {
            Command::Keygen(command) => command.run(console),
            Command::Sign(command) => command.run(console),
            Command::Verify(command) => command.run(console),
            Command::Inspect(command) => command.run(console),
            Command::Run(command) => command.run(console),
            Command::Call(command) => command.run(console),
            Command::Serve(command) => command.run(console),
            Command::Ps(command) => command.run(console),
            Command::Status(command) => command.run(console),
            Command::Send(command) => command.run(console),
            Command::Reload(command) => command.run(console),
            Command::Start(command) => command.run(console),
            Command::Stop(command) => command.run(console),
            Command::Revoke(command) => command.run(console),
            Command::Logs(command) => command.run(console),
            Command::Policy(Group { command: PolicyCommand::Check(command) }) => command.run(console),
            Command::Policy(Group { command: PolicyCommand::Swap(command) }) => command.run(console),
            Command::Policy(Group { command: PolicyCommand::Explain(command) }) => command.run(console),
            Command::Audit(Group { command: AuditCommand::Show(command) }) => command.run(console),
            Command::Audit(Group { command: AuditCommand::Verify(command) }) => command.run(console),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_arguments_holds() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_help_with_examples() {
        fn look(command: &clap::Command) {
            if command.get_name() != "help" && !command.has_subcommands() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Examples:"), "{}", command.get_name());
                assert!(command.get_about().is_some(), "{}", command.get_name());
            }
            command.get_subcommands().for_each(look);
        }
        look(&Cli::command());
    }
}
