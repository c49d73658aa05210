//! Linux's Landlock: files and TCP ports; and where the kernel has it (6.12), signals and abstract sockets of other processes.

use super::{HardenError, HostNeeds, Ports, unsupported};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};
use std::io;
use std::path::Path;

/// With files, links between directories, shortening, and TCP ports: Linux 6.7.
const NEEDED: ABI = ABI::V4;

pub(super) fn restrict(needs: &HostNeeds) -> Result<(), HardenError> {
    let mut rules = handled(needs)?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::from_all(NEEDED) & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock);
    for (paths, access) in
        [(&needs.read, read), (&needs.write, write), (&needs.execute, read | AccessFs::Execute)]
    {
        for path in paths {
            rules = beneath(rules, path, access)?;
        }
    }
    for (ports, access) in [(&needs.connect, AccessNet::ConnectTcp), (&needs.bind, AccessNet::BindTcp)] {
        let Ports::These(ports) = ports else { continue };
        for port in ports {
            rules = rules.add_rule(NetPort::new(*port, access)).map_err(unsupported)?;
        }
    }
    let status = rules.restrict_self().map_err(unsupported)?;
    match status.ruleset {
        // In part: without the scopes, since all else is required.
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err(unsupported("Landlock is not enforced")),
    }
}

/// What is forbidden where no rule allows it.
fn handled(needs: &HostNeeds) -> Result<RulesetCreated, HardenError> {
    let required = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let mut ruleset = required.handle_access(AccessFs::from_all(NEEDED)).map_err(unsupported)?;
    let mut net = BitFlags::<AccessNet>::empty();
    if needs.connect != Ports::All {
        net |= AccessNet::ConnectTcp;
    }
    if needs.bind != Ports::All {
        net |= AccessNet::BindTcp;
    }
    if !net.is_empty() {
        ruleset = ruleset.handle_access(net).map_err(unsupported)?;
    }
    // Within one ruleset, for a second would forbid links between directories, as every one does that says nothing of them.
    let scopes = Scope::Signal | Scope::AbstractUnixSocket;
    let scoped = ruleset.set_compatibility(CompatLevel::BestEffort).scope(scopes).map_err(unsupported)?;
    scoped.set_compatibility(CompatLevel::HardRequirement).create().map_err(unsupported)
}

fn beneath(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, HardenError> {
    let fd = PathFd::new(path)
        .map_err(|error| HardenError::Path { path: path.to_owned(), source: io::Error::other(error) })?;
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEEDED) };
    rules.add_rule(PathBeneath::new(fd, access)).map_err(unsupported)
}
