//! No file handle from a file of the host's.
use airssys_osl::fs::File;

fn wrap(file: std::fs::File) -> File {
    File::opened(file)
}

fn main() {}
