//! wasi:cli: environment, exit, standard streams. Terminals are absent.

use super::streams::{InputPipe, OutputPipe};
use crate::kernel::{Call, Closed, Exit, Fail, Fault, Guarded, Holder};
use airssys_osl::action::EnvRead;
use airssys_osl::{ProcessSelf, Stdio, stdio};
use wasmtime::component::Resource;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

/// A terminal; there never is one.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "`bindgen!` re-exports it")]
pub enum Terminal {}

pub(super) fn environment_get_environment(
    g: &mut Guarded<'_>,
    call: Call,
) -> Result<Vec<(String, String)>, Fail> {
    let environment = g.state.grants.environment.clone();
    let mut visible = Vec::new();
    for name in environment.names() {
        let permit = g.session().authorize::<EnvRead>(name.clone(), call.import());
        match permit.and_then(|permit| environment.read(permit)) {
            Ok(value) => visible.extend(value.map(|value| (name.as_str().to_owned(), value.to_owned()))),
            Err(denied) if denied.is_fatal() => return Err(denied.into()),
            Err(_) => {}
        }
    }
    Ok(visible)
}

pub(super) fn environment_get_arguments(g: &mut Guarded<'_>, call: Call) -> Result<Vec<String>, Fail> {
    let permit = g.session().authorize(ProcessSelf::Itself, call.import())?;
    Ok(g.state.grants.arguments.read(permit)?.to_vec())
}

pub(super) fn environment_initial_cwd(_: &mut Guarded<'_>, _: Call) -> Result<Option<String>, Fail> {
    Ok(None)
}

pub(super) fn exit_exit(g: &mut Guarded<'_>, call: Call, status: Result<(), ()>) -> Result<(), Fail> {
    exit_exit_with_code(g, call, u8::from(status.is_err()))
}

pub(super) fn exit_exit_with_code(g: &mut Guarded<'_>, call: Call, status: u8) -> Result<(), Fail> {
    let import = call.import();
    g.session()
        .note(import, &format!("exit with status {status}"))
        .map_err(|_| Fault::Unrecorded { import })?;
    Err(Fail::Trap(wasmtime::Error::new(Exit(status))))
}

pub(super) fn stdin_get_stdin(g: &mut Guarded<'_>, call: Call) -> Result<Resource<DynInputStream>, Fail> {
    let permit = g.session().authorize(Stdio::Stdin, call.import())?;
    let input = stdio::Input::new(permit, g.state.grants.stdin.clone());
    let holder = Holder::Lease(input.lease().clone());
    let pipe = InputPipe::new(input, g.state.current.clone());
    g.push(Box::new(pipe) as DynInputStream, holder)
}

pub(super) fn stdout_get_stdout(g: &mut Guarded<'_>, call: Call) -> Result<Resource<DynOutputStream>, Fail> {
    let sink = g.state.grants.stdout.clone();
    output(g, call, Stdio::Stdout, sink)
}

pub(super) fn stderr_get_stderr(g: &mut Guarded<'_>, call: Call) -> Result<Resource<DynOutputStream>, Fail> {
    let sink = g.state.grants.stderr.clone();
    output(g, call, Stdio::Stderr, sink)
}

fn output(
    g: &mut Guarded<'_>,
    call: Call,
    which: Stdio,
    sink: stdio::Sink,
) -> Result<Resource<DynOutputStream>, Fail> {
    let permit = g.session().authorize(which, call.import())?;
    // A stream that the process does not have is closed, as a denied one is.
    let Ok(output) = stdio::Output::new(permit, sink) else {
        return g.push(Closed::closed(), Holder::Instance);
    };
    let holder = Holder::Lease(output.lease().clone());
    let pipe = OutputPipe::new(output, g.state.current.clone());
    g.push(Box::new(pipe) as DynOutputStream, holder)
}

pub(super) fn terminal_stdin_get_terminal_stdin(
    _: &mut Guarded<'_>,
    _: Call,
) -> Result<Option<Resource<Terminal>>, Fail> {
    Ok(None)
}

pub(super) fn terminal_stdout_get_terminal_stdout(
    _: &mut Guarded<'_>,
    _: Call,
) -> Result<Option<Resource<Terminal>>, Fail> {
    Ok(None)
}

pub(super) fn terminal_stderr_get_terminal_stderr(
    _: &mut Guarded<'_>,
    _: Call,
) -> Result<Option<Resource<Terminal>>, Fail> {
    Ok(None)
}

pub(super) fn terminal_input_drop(_: &mut Guarded<'_>, _: Resource<Terminal>) -> wasmtime::Result<()> {
    Ok(())
}

pub(super) fn terminal_output_drop(_: &mut Guarded<'_>, _: Resource<Terminal>) -> wasmtime::Result<()> {
    Ok(())
}
