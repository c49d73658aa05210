//! wasi:clocks: the monotonic and the wall clock, and waiting for one.

use crate::host::bindings::clocks::wall_clock::Datetime;
use crate::kernel::{Call, Fail, Guarded, Holder, State};
use airssys_osl::action::{ClockRead, ClockSleep};
use airssys_osl::{Clock, Denied, Permit, clock};
use std::time::Duration;
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};

/// What keeps a permission, with what its first use gave.
type Begun<K, T> = Result<(K, T), Denied>;

/// What a reader tells, once there is one, and what the permit for one tells at once.
struct Look {
    again: fn(&clock::Reader, &'static str) -> Result<Duration, Denied>,
    first: fn(Permit<ClockRead>) -> Begun<clock::Reader, Duration>,
}

const NOW: Look = Look { again: clock::Reader::now, first: clock::Reader::begin };
const RESOLUTION: Look = Look { again: clock::Reader::resolution, first: clock::Reader::begin_resolution };

/// Looks at a clock by the standing permission, which is asked for at its first use.
fn look(g: &mut Guarded<'_>, call: Call, which: Clock, look: &Look) -> Result<Duration, Fail> {
    let State { session, ambient, .. } = &mut *g.state;
    let slot = match which {
        Clock::Monotonic => &mut ambient.monotonic,
        Clock::Wall => &mut ambient.wall,
    };
    if let Some(reader) = slot {
        return Ok((look.again)(reader, call.import())?);
    }
    let (reader, told) = (look.first)(session.authorize(which, call.import())?)?;
    *slot = Some(reader);
    Ok(told)
}

pub(super) fn monotonic_clock_now(g: &mut Guarded<'_>, call: Call) -> Result<u64, Fail> {
    Ok(clock::nanoseconds(look(g, call, Clock::Monotonic, &NOW)?))
}

pub(super) fn monotonic_clock_resolution(g: &mut Guarded<'_>, call: Call) -> Result<u64, Fail> {
    Ok(clock::nanoseconds(look(g, call, Clock::Monotonic, &RESOLUTION)?))
}

pub(super) fn wall_clock_now(g: &mut Guarded<'_>, call: Call) -> Result<Datetime, Fail> {
    Ok(datetime(look(g, call, Clock::Wall, &NOW)?))
}

pub(super) fn wall_clock_resolution(g: &mut Guarded<'_>, call: Call) -> Result<Datetime, Fail> {
    Ok(datetime(look(g, call, Clock::Wall, &RESOLUTION)?))
}

fn datetime(since_epoch: Duration) -> Datetime {
    Datetime { seconds: since_epoch.as_secs(), nanoseconds: since_epoch.subsec_nanos() }
}

/// How a wait is told to a sleeper, once there is one, and to the permit for one.
struct Wait {
    again: fn(&clock::Sleeper, u64, &'static str) -> Result<clock::Timer, Denied>,
    first: fn(Permit<ClockSleep>, u64, &'static str) -> Begun<clock::Sleeper, clock::Timer>,
}

const UNTIL: Wait = Wait { again: clock::Sleeper::until, first: clock::Sleeper::begin_until };
const AFTER: Wait = Wait { again: clock::Sleeper::after, first: clock::Sleeper::begin_after };

/// A timer by the standing permission to wait, which is asked for at its first use.
fn timer(g: &mut Guarded<'_>, call: Call, when: u64, wait: &Wait) -> Result<clock::Timer, Fail> {
    if let Some(sleeper) = &g.state.ambient.sleeper {
        return Ok((wait.again)(sleeper, when, call.import())?);
    }
    let permit = g.session().authorize(Clock::Monotonic, call.import())?;
    let (sleeper, timer) = (wait.first)(permit, when, call.import())?;
    g.state.ambient.sleeper = Some(sleeper);
    Ok(timer)
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
    let timer = timer(g, call, when, &UNTIL)?;
    alarm(g, timer)
}

pub(super) fn monotonic_clock_subscribe_duration(
    g: &mut Guarded<'_>,
    call: Call,
    when: u64,
) -> Result<Resource<DynPollable>, Fail> {
    let timer = timer(g, call, when, &AFTER)?;
    alarm(g, timer)
}

fn alarm(g: &mut Guarded<'_>, timer: clock::Timer) -> Result<Resource<DynPollable>, Fail> {
    let holder = Holder::Lease(timer.lease().clone());
    let alarm = g.state.table.push(Alarm(timer))?;
    let pollable = subscribe(&mut g.state.table, alarm).map_err(Fail::Trap)?;
    g.attribute(&pollable, holder);
    Ok(pollable)
}
