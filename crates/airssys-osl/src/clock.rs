//! Clocks, and waiting for them.
//!
//! Each value is born from a permit and enters its lease at each use, so reading a clock costs a compare on top of the
//! system's call, and stops when the permission does.

use crate::action::{ActionId, ClockRead, ClockSleep};
use crate::gate::{Denied, Lease, Permit};
use crate::resource::Clock;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

/// Where the monotonic clock starts: arbitrary, and the same for the whole process. Not the system's own start, which
/// would tell how long the host has been up.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A clock that may be read.
#[derive(Debug, Clone)]
pub struct Reader {
    clock: Clock,
    lease: Lease,
}

impl Reader {
    /// A reader for the clock that was permitted.
    pub fn new(permit: Permit<ClockRead>) -> Reader {
        LazyLock::force(&ORIGIN);
        Reader { clock: *permit.resource(), lease: permit.into_lease() }
    }

    /// A reader and the time, which is what the permit was asked for: the first use is no reuse.
    ///
    /// # Errors
    /// [`Denied`] when the permission no longer stands.
    pub fn begin(mut permit: Permit<ClockRead>) -> Result<(Reader, Duration), Denied> {
        let _begun = permit.begin()?;
        let reader = Reader::new(permit);
        let time = reader.time();
        Ok((reader, time))
    }

    /// A reader and its resolution, which is what the permit was asked for.
    ///
    /// # Errors
    /// As [`Reader::begin`].
    pub fn begin_resolution(mut permit: Permit<ClockRead>) -> Result<(Reader, Duration), Denied> {
        let _begun = permit.begin()?;
        let reader = Reader::new(permit);
        let step = resolution(reader.clock);
        Ok((reader, step))
    }

    /// The time: since an arbitrary start for the monotonic clock, since 1970 for the wall clock.
    ///
    /// # Errors
    /// [`Denied`] when the permission no longer stands.
    pub fn now(&self, import: &'static str) -> Result<Duration, Denied> {
        let _in_use = self.lease.enter(ActionId::ClockRead, import)?;
        Ok(self.time())
    }

    fn time(&self) -> Duration {
        match self.clock {
            Clock::Monotonic => ORIGIN.elapsed(),
            // A host whose clock stands before 1970 has no time to tell; nothing is the closest.
            Clock::Wall => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
        }
    }

    /// The smallest step of the clock that can be told.
    ///
    /// # Errors
    /// As [`Reader::now`].
    pub fn resolution(&self, import: &'static str) -> Result<Duration, Denied> {
        let _in_use = self.lease.enter(ActionId::ClockRead, import)?;
        Ok(resolution(self.clock))
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }
}

/// A time in nanoseconds; as many as can be told where there are more.
pub fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(unix)]
fn resolution(clock: Clock) -> Duration {
    use rustix::time::{ClockId, clock_getres};
    let id = match clock {
        Clock::Monotonic => ClockId::Monotonic,
        Clock::Wall => ClockId::Realtime,
    };
    let step = clock_getres(id);
    let nanos = u64::try_from(step.tv_nsec).unwrap_or(1);
    Duration::from_secs(u64::try_from(step.tv_sec).unwrap_or(0)) + Duration::from_nanos(nanos)
}

#[cfg(not(unix))]
fn resolution(_: Clock) -> Duration {
    // What the platform's clocks are documented to step by.
    Duration::from_nanos(100)
}

/// Permission to wait for a clock.
#[derive(Debug, Clone)]
pub struct Sleeper {
    lease: Lease,
}

impl Sleeper {
    /// A sleeper for the clock that was permitted.
    pub fn new(permit: Permit<ClockSleep>) -> Sleeper {
        LazyLock::force(&ORIGIN);
        Sleeper { lease: permit.into_lease() }
    }

    /// A sleeper and a timer until `nanoseconds`, which is what the permit was asked for: the first use is no reuse.
    ///
    /// # Errors
    /// [`Denied`] when the permission no longer stands.
    pub fn begin_until(
        mut permit: Permit<ClockSleep>,
        nanoseconds: u64,
        import: &'static str,
    ) -> Result<(Sleeper, Timer), Denied> {
        let _begun = permit.begin()?;
        let sleeper = Sleeper::new(permit);
        let timer = sleeper.timer(at(nanoseconds), import);
        Ok((sleeper, timer))
    }

    /// A sleeper and a timer of `nanoseconds` from now, which is what the permit was asked for.
    ///
    /// # Errors
    /// As [`Sleeper::begin_until`].
    pub fn begin_after(
        mut permit: Permit<ClockSleep>,
        nanoseconds: u64,
        import: &'static str,
    ) -> Result<(Sleeper, Timer), Denied> {
        let _begun = permit.begin()?;
        let sleeper = Sleeper::new(permit);
        let timer = sleeper.timer(from_now(nanoseconds), import);
        Ok((sleeper, timer))
    }

    /// A timer that ends when the monotonic clock shows `nanoseconds`.
    ///
    /// # Errors
    /// [`Denied`] when the permission no longer stands.
    pub fn until(&self, nanoseconds: u64, import: &'static str) -> Result<Timer, Denied> {
        let _in_use = self.lease.enter(ActionId::ClockSleep, import)?;
        Ok(self.timer(at(nanoseconds), import))
    }

    /// A timer that ends `nanoseconds` from now.
    ///
    /// # Errors
    /// As [`Sleeper::until`].
    pub fn after(&self, nanoseconds: u64, import: &'static str) -> Result<Timer, Denied> {
        let _in_use = self.lease.enter(ActionId::ClockSleep, import)?;
        Ok(self.timer(from_now(nanoseconds), import))
    }

    fn timer(&self, deadline: Option<Instant>, import: &'static str) -> Timer {
        Timer { deadline, lease: self.lease.clone(), import }
    }
}

fn at(nanoseconds: u64) -> Option<Instant> {
    ORIGIN.checked_add(Duration::from_nanos(nanoseconds))
}

fn from_now(nanoseconds: u64) -> Option<Instant> {
    Instant::now().checked_add(Duration::from_nanos(nanoseconds))
}

/// A wait that was permitted.
#[derive(Debug, Clone)]
pub struct Timer {
    /// None: later than this platform can count.
    deadline: Option<Instant>,
    lease: Lease,
    /// Through which it was asked for: a change of policies decides it anew under the same name.
    import: &'static str,
}

impl Timer {
    /// True when the wait is over: the time has come, or the permission was taken back.
    pub fn is_over(&self) -> bool {
        self.lease.is_revoked() || self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Returns when the wait is over, which it also is when a change of policies no longer permits it.
    pub async fn over(&self) {
        if self.is_over() {
            return;
        }
        let time = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = time => {}
            () = self.lease.lost(ActionId::ClockSleep, self.import) => {}
        }
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }
}
