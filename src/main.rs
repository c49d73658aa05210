//! The command `airssys`: everything it does is in the library's `cli` module.
fn main() -> std::process::ExitCode {
    airssys_wasm::cli::main()
}
