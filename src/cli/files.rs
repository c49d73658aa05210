//! Files and settings of the person who typed the command.
//!
//! A thin cover over [`host_files`], which has the authority: it acts with that person's own rights and before any
//! component runs. Nothing that a component says reaches it.

use super::failure::Failure;
use crate::kernel::{ChildCompiler, Compiler};
pub(super) use airssys_osl::host_files::{
    HostFileError, Privacy, args_ambient, create_dir_all_ambient, exists_ambient, is_same_ambient,
    read_ambient, reader_ambient, remove_file_ambient, replace_ambient, write_new_ambient,
};
use airssys_osl::{host_child, host_files};
use std::path::{Path, PathBuf};

/// A setting from the environment of this process, if it is set and not empty.
pub(super) fn setting_ambient(name: &str) -> Option<String> {
    host_files::env_var_ambient(name).filter(|value| !value.is_empty())
}

/// The directory in which this user's programs keep their data.
pub(super) fn data_directory_ambient() -> Option<PathBuf> {
    let absolute = |name: &str| setting_ambient(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".local").join("share"));
    absolute("XDG_DATA_HOME").or_else(|| absolute("LOCALAPPDATA")).or_else(home)
}

/// What compiles components: this very program, once more for each.
pub(super) fn compiler() -> Result<Compiler, Failure> {
    let program = host_child::program_ambient().map_err(|error| {
        let help = "start it from a file that can be read, with /proc where there is one";
        Failure::wrong(format!("the program's own file cannot be found: {error}"), help)
    })?;
    Ok(Compiler::Child(ChildCompiler::new(program)))
}

/// The directory a file stands in.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}
