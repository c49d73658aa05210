//! What a process that serves needs of the system, beside what its components could be granted.

use crate::embed::{Config, Error};
use crate::serve::config::SystemConfig;
use airssys_osl::host_files::is_dir_ambient;
use airssys_osl::host_harden::{HostNeeds, Ports, surroundings_ambient};
use hyper::Uri;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The needs of the server itself on top of those of its components.
pub(super) fn of(config: &SystemConfig, given: Config) -> Result<HostNeeds, Error> {
    // Files are put in each other's place by whoever changes them: what is needed is the directory.
    let replaced: BTreeSet<PathBuf> = given.protected.iter().map(|path| around(path)).collect();
    let (_, mut needs) = given.hardened()?;
    needs.local = true;
    needs.read.extend(replaced);
    let kept = config.granted.audit.iter().chain([&config.serve.control]);
    needs.write.extend(kept.map(|file| directory_of(file)));
    if let Some(address) = config.serve.metrics {
        needs.bind = std::mem::take(&mut needs.bind).and(Ports::These([address.port()].into()));
    }
    if let Some(traces) = &config.serve.traces {
        collected(traces, &mut needs);
    }
    Ok(needs)
}

/// The directory itself, or the one that a file stands in.
fn around(path: &Path) -> PathBuf {
    if is_dir_ambient(path) { path.to_path_buf() } else { directory_of(path) }
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// Whoever collects traces is connected to. What is no address is refused where traces begin.
fn collected(traces: &str, needs: &mut HostNeeds) {
    let Ok(uri) = traces.parse::<Uri>() else { return };
    let port = Ports::These([uri.port_u16().unwrap_or(80)].into());
    needs.connect = std::mem::take(&mut needs.connect).and(port);
    let is_address = |host: &str| host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if !uri.host().is_some_and(is_address) {
        needs.names = true;
        needs.read.extend(surroundings_ambient(true));
    }
}
