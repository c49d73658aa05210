//! wasi:clocks: the monotonic and the wall clock, and waiting for one.

use crate::host::bindings::clocks::wall_clock::Datetime;
use crate::kernel::{Call, Fail, Guarded, Holder};
use airssys_osl::{Clock, clock};
use std::time::Duration;
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};

/// The standing permission to read a clock, asked for at its first use.
fn reader<'a>(g: &'a mut Guarded<'_>, call: &Call, which: Clock) -> Result<&'a clock::Reader, Fail> {
    let session = g.state.session.clone();
    let slot = match which {
        Clock::Monotonic => &mut g.state.ambient.monotonic,
        Clock::Wall => &mut g.state.ambient.wall,
    };
    match slot {
        Some(reader) => Ok(reader),
        None => Ok(slot.insert(clock::Reader::new(session.authorize(which, call.import())?))),
    }
}

pub(super) fn monotonic_clock_now(g: &mut Guarded<'_>, call: Call) -> Result<u64, Fail> {
    Ok(reader(g, &call, Clock::Monotonic)?.nanoseconds(call.import())?)
}

pub(super) fn monotonic_clock_resolution(g: &mut Guarded<'_>, call: Call) -> Result<u64, Fail> {
    let resolution = reader(g, &call, Clock::Monotonic)?.resolution(call.import())?;
    Ok(u64::try_from(resolution.as_nanos()).unwrap_or(u64::MAX))
}

pub(super) fn wall_clock_now(g: &mut Guarded<'_>, call: Call) -> Result<Datetime, Fail> {
    Ok(datetime(reader(g, &call, Clock::Wall)?.now(call.import())?))
}

pub(super) fn wall_clock_resolution(g: &mut Guarded<'_>, call: Call) -> Result<Datetime, Fail> {
    Ok(datetime(reader(g, &call, Clock::Wall)?.resolution(call.import())?))
}

fn datetime(since_epoch: Duration) -> Datetime {
    Datetime { seconds: since_epoch.as_secs(), nanoseconds: since_epoch.subsec_nanos() }
}

/// The standing permission to wait, asked for at its first use.
fn sleeper<'a>(g: &'a mut Guarded<'_>, call: &Call) -> Result<&'a clock::Sleeper, Fail> {
    let session = g.state.session.clone();
    let slot = &mut g.state.ambient.sleeper;
    match slot {
        Some(sleeper) => Ok(sleeper),
        None => Ok(slot.insert(clock::Sleeper::new(session.authorize(Clock::Monotonic, call.import())?))),
    }
}

/// A point in time that a guest waits for; a revoked permission wakes it.
struct Alarm(clock::Timer);

#[async_trait::async_trait]
impl Pollable for Alarm {
    async fn ready(&mut self) {
        self.0.over().await;
    }
}

pub(super) fn monotonic_clock_subscribe_instant(
    g: &mut Guarded<'_>,
    call: Call,
    when: u64,
) -> Result<Resource<DynPollable>, Fail> {
    let timer = sleeper(g, &call)?.until(when, call.import())?;
    alarm(g, timer)
}

pub(super) fn monotonic_clock_subscribe_duration(
    g: &mut Guarded<'_>,
    call: Call,
    when: u64,
) -> Result<Resource<DynPollable>, Fail> {
    let timer = sleeper(g, &call)?.after(when, call.import())?;
    alarm(g, timer)
}

fn alarm(g: &mut Guarded<'_>, timer: clock::Timer) -> Result<Resource<DynPollable>, Fail> {
    let holder = Holder::Lease(timer.lease().clone());
    let alarm = g.state.table.push(Alarm(timer))?;
    let pollable = subscribe(&mut g.state.table, alarm).map_err(Fail::Trap)?;
    g.attribute(&pollable, holder);
    Ok(pollable)
}
