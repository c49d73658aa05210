//! What an instance may spend, and who counts.

use crate::identity;
use std::num::NonZeroU64;
use std::time::Duration;
use wasmtime::ResourceLimiter;

/// How long one tick of the epoch is.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Elements in all tables of an instance together.
const MAX_TABLE_ELEMENTS: usize = 1_000_000;
/// Core instances, tables and memories of one component.
const MAX_INSTANCES: usize = 256;
const MAX_TABLES: usize = 64;
const MAX_MEMORIES: usize = 16;

/// Limits of one instance. The host's configuration grants them, a manifest can only ask for less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Limits {
    /// Linear memory of the whole instance, MiB.
    pub memory_mib: NonZeroU64,
    /// Processor time of one call, milliseconds, counted in ticks of 10 ms.
    pub cpu_ms: NonZeroU64,
    /// Time on the wall of one call, milliseconds.
    pub wall_ms: NonZeroU64,
}

const fn nonzero(value: u64) -> NonZeroU64 {
    match NonZeroU64::new(value) {
        Some(value) => value,
        None => NonZeroU64::MIN,
    }
}

impl Default for Limits {
    /// 256 MiB, 60 s of processor time, one hour on the wall.
    fn default() -> Limits {
        Limits { memory_mib: nonzero(256), cpu_ms: nonzero(60_000), wall_ms: nonzero(3_600_000) }
    }
}

impl Limits {
    /// What is granted to a component that requests `requested`: never more than either says.
    #[must_use]
    pub fn capped_by_request(self, requested: &identity::Limits) -> Limits {
        let least = |granted: NonZeroU64, asked: Option<NonZeroU64>| {
            asked.map_or(granted, |asked| granted.min(asked))
        };
        Limits {
            memory_mib: least(self.memory_mib, requested.memory_mib),
            cpu_ms: least(self.cpu_ms, requested.cpu_ms),
            wall_ms: least(self.wall_ms, requested.wall_ms),
        }
    }

    /// Processor time of one call in ticks, rounded up.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        self.cpu_ms.get().div_ceil(TICK.as_millis() as u64)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        usize::try_from(self.memory_mib.get().saturating_mul(1 << 20)).unwrap_or(usize::MAX)
    }
}

/// A limit that was exceeded: the call traps and the instance is not used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the limit `{limit}` of {value} is exceeded: grant more in the host's configuration, or ask for more in the manifest"
)]
#[non_exhaustive]
pub struct LimitExceeded {
    /// Which limit, as it is written in files: `memory_mib`, `cpu_ms`, `wall_ms`, `table_elements`.
    pub limit: &'static str,
    /// Its value, in the unit its name says.
    pub value: u64,
}

impl LimitExceeded {
    pub(crate) fn cpu(limits: &Limits) -> LimitExceeded {
        LimitExceeded { limit: "cpu_ms", value: limits.cpu_ms.get() }
    }

    pub(crate) fn wall(limits: &Limits) -> LimitExceeded {
        LimitExceeded { limit: "wall_ms", value: limits.wall_ms.get() }
    }
}

/// Counts an instance's memories and tables together, as wasmtime grows them.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    memory: usize,
    elements: usize,
    /// Set when a limit stopped the guest, so that the host is told which.
    pub(crate) exceeded: Option<LimitExceeded>,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Meter {
        Meter { limits, memory: 0, elements: 0, exceeded: None }
    }

    fn exceed(&mut self, limit: &'static str, value: u64) -> wasmtime::Result<bool> {
        let exceeded = LimitExceeded { limit, value };
        self.exceeded = Some(exceeded);
        Err(wasmtime::Error::new(exceeded))
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.limits.memory_bytes() {
            return self.exceed("memory_mib", self.limits.memory_mib.get());
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let total = self.elements.saturating_add(desired.saturating_sub(current));
        if total > MAX_TABLE_ELEMENTS {
            return self.exceed("table_elements", MAX_TABLE_ELEMENTS as u64);
        }
        self.elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_can_only_lower_what_is_granted() {
        let granted = Limits { memory_mib: nonzero(64), cpu_ms: nonzero(15), wall_ms: nonzero(100) };
        let requested =
            identity::Limits { memory_mib: Some(nonzero(128)), cpu_ms: Some(nonzero(5)), wall_ms: None };
        let effective = granted.capped_by_request(&requested);
        assert_eq!(
            (effective.memory_mib.get(), effective.cpu_ms.get(), effective.wall_ms.get()),
            (64, 5, 100)
        );
        assert_eq!(granted.cpu_ticks(), 2);
    }

    #[test]
    fn all_memories_of_an_instance_count_together() {
        let mut meter = Meter::new(Limits { memory_mib: nonzero(1), ..Limits::default() });
        assert!(meter.memory_growing(0, 700_000, None).unwrap());
        assert!(meter.memory_growing(0, 700_000, None).is_err());
        assert_eq!(meter.exceeded, Some(LimitExceeded { limit: "memory_mib", value: 1 }));
        assert!(!meter.memory_growing(0, 9, Some(8)).unwrap(), "the guest's own maximum is its own answer");
    }
}
