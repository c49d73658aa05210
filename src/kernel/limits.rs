//! What an instance may spend, and who counts.

use crate::identity::{self, limit_keys};
use airssys_osl::{Allowance, LimitExceeded};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use wasmtime::ResourceLimiter;

/// How long one tick of the epoch is.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The largest stack that can be granted: it is reserved for every instance.
const MAX_STACK_KIB: u64 = 64 * 1024;
/// The most random bytes that can be granted in one call: they are all there at once.
const MAX_RANDOM_BYTES: u64 = 1 << 30;

const fn nonzero(value: u64) -> NonZeroU64 {
    match NonZeroU64::new(value) {
        Some(value) => value,
        None => NonZeroU64::MIN,
    }
}

macro_rules! granted {
    ($($(#[$doc:meta])* $key:ident = $default:literal, $unit:literal;)*) => {
        /// Limits of one instance. The host's configuration grants them, a manifest can only ask for less.
        ///
        /// ```
        /// use airssys_wasm::kernel::Limits;
        /// use std::num::NonZeroU64;
        /// let limits = Limits::default().open_files(NonZeroU64::new(8).unwrap());
        /// assert_eq!(limits.open_files.get(), 8);
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
        #[non_exhaustive]
        pub struct Limits {
            $($(#[$doc])* pub $key: NonZeroU64,)*
        }

        impl Default for Limits {
            /// What is granted unless the host says otherwise: the table of README.md.
            fn default() -> Limits {
                Limits { $($key: nonzero($default),)* }
            }
        }

        impl Limits {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $key(mut self, value: NonZeroU64) -> Limits {
                    self.$key = value;
                    self
                }
            )*

            /// Every key with its value.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, NonZeroU64)> {
                [$((stringify!($key), self.$key)),*].into_iter()
            }

            /// These limits, where `given` does not say otherwise.
            #[must_use]
            pub fn replaced_by(self, given: &identity::Limits) -> Limits {
                Limits { $($key: given.$key.unwrap_or(self.$key),)* }
            }

            fn least(self, requested: &identity::Limits) -> Limits {
                Limits { $($key: requested.$key.map_or(self.$key, |asked| asked.min(self.$key)),)* }
            }

            /// The limit of that key, exceeded.
            fn exceeded(&self, key: &'static str) -> LimitExceeded {
                let value = self.each().find(|(name, _)| *name == key);
                LimitExceeded::new(key, value.map_or(0, |(_, value)| value.get()))
            }
        }
    };
}
limit_keys!(granted);

/// A limit that was declared and cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("the limit `{limit}` of {value} cannot be enforced: {why}")]
#[diagnostic(help("leave the line out, or write the value that is in force"))]
#[non_exhaustive]
pub struct Unenforceable {
    /// Which limit, as it is written in files.
    pub limit: &'static str,
    /// Its value, in the unit its name says.
    pub value: u64,
    /// Why it cannot.
    pub why: String,
}

impl Limits {
    /// What is granted to a component that requests `requested`: never more than either says.
    ///
    /// # Errors
    /// [`Unenforceable`] when it asks for less stack: all components of a runtime run on stacks of one size.
    pub fn capped_by_request(self, requested: &identity::Limits) -> Result<Limits, Unenforceable> {
        let capped = self.least(requested);
        if capped.stack_kib == self.stack_kib {
            return Ok(capped);
        }
        let why = format!("one size, of {}, is in force for all components of the host", self.stack_kib);
        Err(Unenforceable { limit: "stack_kib", value: capped.stack_kib.get(), why })
    }

    /// Checks what the host grants.
    ///
    /// # Errors
    /// [`Unenforceable`] when the stack is larger than can be reserved for each instance.
    pub fn check(&self) -> Result<(), Unenforceable> {
        let bounded = [
            ("stack_kib", self.stack_kib.get(), MAX_STACK_KIB),
            ("random_bytes_per_call", self.random_bytes_per_call.get(), MAX_RANDOM_BYTES),
        ];
        match bounded.into_iter().find(|(_, value, most)| value > most) {
            None => Ok(()),
            Some((limit, value, most)) => {
                Err(Unenforceable { limit, value, why: format!("the most is {most}") })
            }
        }
    }

    /// Processor time of one call in ticks, rounded up.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        self.cpu_ms.get().div_ceil(TICK.as_millis() as u64)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        usize::try_from(self.memory_mib.get().saturating_mul(1 << 20)).unwrap_or(usize::MAX)
    }

    /// What airssys-osl counts of it.
    pub(crate) fn allowance(&self) -> Allowance {
        Allowance {
            read_bytes_total: self.read_bytes_total.get(),
            write_bytes_total: self.write_bytes_total.get(),
            output_bytes_per_second: self.output_bytes_per_second.get(),
        }
    }

    pub(crate) fn out_of_cpu(&self) -> LimitExceeded {
        self.exceeded("cpu_ms")
    }

    pub(crate) fn out_of_time(&self) -> LimitExceeded {
        self.exceeded("wall_ms")
    }

    pub(crate) fn out_of_handles(&self) -> LimitExceeded {
        self.exceeded("handles")
    }

    pub(crate) fn out_of_files(&self) -> LimitExceeded {
        self.exceeded("open_files")
    }

    pub(crate) fn out_of_sockets(&self) -> LimitExceeded {
        self.exceeded("sockets")
    }

    pub(crate) fn out_of_bytes(&self) -> LimitExceeded {
        self.exceeded("host_call_bytes")
    }

    pub(crate) fn out_of_random(&self) -> LimitExceeded {
        self.exceeded("random_bytes_per_call")
    }

    /// The limit that wasmtime itself counted, and that ended a guest with this error.
    pub(crate) fn behind(&self, error: &wasmtime::Error) -> Option<LimitExceeded> {
        if let Some(limit) = error.downcast_ref::<LimitExceeded>() {
            return Some(*limit);
        }
        if let Some(wasmtime::Trap::StackOverflow) = error.downcast_ref() {
            return Some(self.exceeded("stack_kib"));
        }
        if let Some(wasmtime::component::ResourceTableError::Full) = error.downcast_ref() {
            return Some(self.out_of_handles());
        }
        let said = error.root_cause().to_string();
        let told = TOLD.iter().find(|(begin, end, _)| said.starts_with(begin) && said.ends_with(end));
        told.map(|(_, _, key)| self.exceeded(key))
    }
}

/// How wasmtime words the limits for which it has no type: begin, end, key. Each has its test in tests/limits_engine.rs.
const TOLD: &[(&str, &str, &str)] = &[
    ("resource limit exceeded: instance count", "", "instances"),
    ("resource limit exceeded: table count", "", "tables"),
    ("resource limit exceeded: memory count", "", "memories"),
    ("cannot ", "store handle limit exceeded", "handles"),
    ("too much data is being copied", "fuel allocated for hostcalls has been exhausted", "host_call_bytes"),
];

/// A number of things there may be.
pub(crate) fn count(limit: NonZeroU64) -> usize {
    usize::try_from(limit.get()).unwrap_or(usize::MAX)
}

/// Bytes that somebody uses, for others to see.
#[derive(Debug, Clone, Default)]
pub(crate) struct InUse(Arc<AtomicUsize>);

impl InUse {
    /// How many there are now.
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

/// Counts an instance's memories and tables together, as wasmtime grows them.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) limits: Limits,
    memory: InUse,
    elements: usize,
    /// Set when a limit stopped the guest, so that the host is told which.
    pub(crate) exceeded: Option<LimitExceeded>,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Meter {
        Meter { limits, memory: InUse::default(), elements: 0, exceeded: None }
    }

    /// The bytes of all its memories, now and later.
    pub(crate) fn memory(&self) -> InUse {
        self.memory.clone()
    }

    fn exceed(&mut self, key: &'static str) -> wasmtime::Result<bool> {
        let exceeded = self.limits.exceeded(key);
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
        let total = self.memory.bytes().saturating_add(desired.saturating_sub(current));
        if total > self.limits.memory_bytes() {
            return self.exceed("memory_mib");
        }
        self.memory.set(total);
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
        if total > count(self.limits.table_elements) {
            return self.exceed("table_elements");
        }
        self.elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        count(self.limits.instances)
    }

    fn tables(&self) -> usize {
        count(self.limits.tables)
    }

    fn memories(&self) -> usize {
        count(self.limits.memories)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requested(toml: &str) -> identity::Limits {
        toml::from_str(toml).unwrap()
    }

    #[test]
    fn a_request_can_only_lower_what_is_granted() {
        for (key, granted) in Limits::default().each() {
            let ask =
                |value: u64| Limits::default().capped_by_request(&requested(&format!("{key} = {value}")));
            assert_eq!(ask(granted.get() + 1).unwrap(), Limits::default(), "{key}");
            match ask(granted.get() - 1) {
                Err(refused) => assert_eq!((refused.limit, key), ("stack_kib", "stack_kib")),
                Ok(effective) => {
                    let default = Limits::default();
                    let lowered = effective.each().zip(default.each()).filter(|(a, b)| a != b).count();
                    assert_eq!(lowered, 1, "{key}");
                    assert_eq!(effective.exceeded(key).value, granted.get() - 1);
                }
            }
        }
        assert_eq!(Limits::default().cpu_ms(nonzero(15)).cpu_ticks(), 2);
    }

    #[test]
    fn what_the_host_says_replaces_the_default_in_both_directions() {
        let given = requested("memory_mib = 1024\nhandles = 5");
        let limits = Limits::default().replaced_by(&given);
        assert_eq!(limits, Limits::default().memory_mib(nonzero(1024)).handles(nonzero(5)));
        assert_eq!(
            Limits::default().stack_kib(nonzero(MAX_STACK_KIB + 1)).check().unwrap_err().limit,
            "stack_kib"
        );
        assert_eq!(Limits::default().stack_kib(nonzero(MAX_STACK_KIB)).check(), Ok(()));
    }

    #[test]
    fn all_memories_of_an_instance_count_together() {
        let mut meter = Meter::new(Limits::default().memory_mib(nonzero(1)));
        assert!(meter.memory_growing(0, 700_000, None).unwrap());
        assert!(meter.memory_growing(0, 700_000, None).is_err());
        assert_eq!(meter.exceeded, Some(LimitExceeded::new("memory_mib", 1)));
        assert!(!meter.memory_growing(0, 9, Some(8)).unwrap(), "the guest's own maximum is its own answer");
    }
}
