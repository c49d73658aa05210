//! What is measured: decisions as they are taken, and how components are when somebody asks.
//!
//! Counters are atomic and cost a decision a few of them. *Invariant:* the number of series is bounded, whatever components
//! do and whatever they are called: actions are those of the kernel, and all others are `own`; of components the first
//! [`MAX_COMPONENTS`] by name are told one by one and the rest together.

mod page;

use crate::embed::Watched;
use crate::serve::control::ComponentStatus;
use airssys_osl::gate::Outcome;
use airssys_osl::{
    ActionId, Ask, Authorizer, Decision, Entry, GuestPath, LimitExceeded, RecordError, Recorder, Subject,
};
use std::array;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Components that have series of their own.
pub const MAX_COMPONENTS: usize = 500;

/// The upper ends of the histogram of latency, nanoseconds.
const BOUNDS: [u64; 12] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// How the components are, when metrics are asked for.
pub trait Gauges: Send + Sync + 'static {
    /// All of them. Asked for at each reading, so it must not wait for a component.
    fn components(&self) -> Vec<ComponentStatus>;

    /// The epoch of the policies.
    fn epoch(&self) -> u64;
}

/// What is counted. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    /// By action, those of the kernel and one for all others, then by outcome.
    decisions: [[AtomicU64; 3]; ActionId::COUNT + 1],
    latency: [AtomicU64; BOUNDS.len() + 1],
    latency_sum: AtomicU64,
    exceeded: AtomicU64,
    unrecorded: AtomicU64,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            decisions: array::from_fn(|_| array::from_fn(|_| AtomicU64::new(0))),
            latency: array::from_fn(|_| AtomicU64::new(0)),
            latency_sum: AtomicU64::new(0),
            exceeded: AtomicU64::new(0),
            unrecorded: AtomicU64::new(0),
        }
    }
}

impl Metrics {
    /// Counts a verdict that was recorded.
    pub fn decided(&self, action: ActionId, outcome: Outcome) {
        let row = self.0.decisions.get(action.place().unwrap_or(ActionId::COUNT));
        if let Some(count) = row.and_then(|row| row.get(place(outcome))) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts how long deciding took.
    pub fn took(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| nanos <= *bound).unwrap_or(BOUNDS.len());
        if let Some(count) = self.0.latency.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.0.latency_sum.fetch_add(nanos, Ordering::Relaxed);
    }

    /// All of a runtime's decisions and records, counted.
    pub(in crate::serve) fn watched(&self) -> Watched {
        let (timing, counting) = (self.clone(), self.clone());
        Watched {
            authorizer: Some(Arc::new(move |inner| timing.timing(inner))),
            recorder: Some(Arc::new(move |inner| counting.counting(inner))),
        }
    }

    /// An authorizer that counts how long it takes.
    pub fn timing(&self, inner: Arc<dyn Authorizer>) -> Arc<dyn Authorizer> {
        Arc::new(Timing { inner, metrics: self.clone() })
    }

    /// A recorder that counts what it records.
    pub fn counting(&self, inner: Arc<dyn Recorder>) -> Arc<dyn Recorder> {
        Arc::new(Counting { inner, metrics: self.clone() })
    }

    /// The page for Prometheus, in the format of OpenMetrics.
    pub fn page(&self, gauges: &dyn Gauges) -> String {
        page::written(&self.0, gauges.components(), gauges.epoch())
    }
}

fn place(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Allow => 0,
        Outcome::Deny => 1,
        Outcome::Fault => 2,
    }
}

struct Timing {
    inner: Arc<dyn Authorizer>,
    metrics: Metrics,
}

impl Authorizer for Timing {
    fn decide(&self, ask: &Ask<'_>) -> Decision {
        let begin = Instant::now();
        let decision = self.inner.decide(ask);
        self.metrics.took(begin.elapsed());
        decision
    }

    fn epoch(&self) -> &Arc<AtomicU64> {
        self.inner.epoch()
    }

    fn names_beneath(&self, path: &GuestPath) -> bool {
        self.inner.names_beneath(path)
    }

    fn visible(&self, subject: &Subject, mount: &GuestPath) -> bool {
        self.inner.visible(subject, mount)
    }
}

struct Counting {
    inner: Arc<dyn Recorder>,
    metrics: Metrics,
}

impl Counting {
    fn counted(&self, recorded: Result<(), RecordError>) -> Result<(), RecordError> {
        if recorded.is_err() {
            self.metrics.0.unrecorded.fetch_add(1, Ordering::Relaxed);
        }
        recorded
    }
}

impl Recorder for Counting {
    fn decision(&self, entry: &Entry<'_>) -> Result<(), RecordError> {
        self.counted(self.inner.decision(entry))?;
        self.metrics.decided(entry.ask.action, entry.verdict.outcome());
        Ok(())
    }

    fn note(&self, subject: &Subject, import: &'static str, text: &str) -> Result<(), RecordError> {
        self.counted(self.inner.note(subject, import, text))
    }

    fn summary(&self, subject: &Subject, reused: &[(ActionId, u64)]) -> Result<(), RecordError> {
        self.counted(self.inner.summary(subject, reused))
    }

    fn exceeded(
        &self,
        subject: &Subject,
        import: Option<&'static str>,
        limit: &LimitExceeded,
    ) -> Result<(), RecordError> {
        self.metrics.0.exceeded.fetch_add(1, Ordering::Relaxed);
        self.counted(self.inner.exceeded(subject, import, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::control::{Mailbox, State};
    use airssys_osl::{Principal, Reasons, Resource, Verdict};

    fn component(number: usize) -> ComponentStatus {
        ComponentStatus {
            name: format!("acme/c{number:04}").parse().unwrap(),
            state: State::Running,
            version: "1.0.0".into(),
            release: 1,
            digest: String::new(),
            supervisor: "root".into(),
            restarts: 2,
            last_end: None,
            mailbox: Mailbox { depth: 3, capacity: 64, dropped: 1, durable: false, dead_letters: 0 },
            memory_bytes: 65_536,
            calls: 5,
            denials: 4,
            finishing: 0,
            since_unix_ms: 0,
        }
    }

    struct Many(usize);

    impl Gauges for Many {
        fn components(&self) -> Vec<ComponentStatus> {
            (0..self.0).map(component).collect()
        }

        fn epoch(&self) -> u64 {
            7
        }
    }

    #[test]
    fn the_number_of_series_does_not_grow_with_the_components() {
        let metrics = Metrics::default();
        let (most, more) =
            (metrics.page(&Many(MAX_COMPONENTS + 1)), metrics.page(&Many(MAX_COMPONENTS + 2000)));
        assert_eq!(most.lines().count(), more.lines().count());
        assert!(more.contains("airssys_component_memory_bytes{component=\"acme/c0499\"} 65536"), "{more}");
        assert!(more.contains("airssys_component_memory_bytes{component=\"other\"} 131072000"), "{more}");
    }

    #[test]
    fn the_page_says_what_was_counted() {
        let metrics = Metrics::default();
        metrics.decided(ActionId::FsRead, Outcome::Deny);
        metrics.took(Duration::from_nanos(600));
        metrics.took(Duration::from_secs(600));
        insta::assert_snapshot!(
            metrics
                .page(&Many(1))
                .lines()
                .filter(|line| !line.ends_with(" 0"))
                .collect::<Vec<_>>()
                .join("\n")
        );
    }

    struct Full;

    impl Recorder for Full {
        fn decision(&self, _: &Entry<'_>) -> Result<(), RecordError> {
            Err(RecordError("full".into()))
        }

        fn note(&self, _: &Subject, _: &'static str, _: &str) -> Result<(), RecordError> {
            Ok(())
        }

        fn summary(&self, _: &Subject, _: &[(ActionId, u64)]) -> Result<(), RecordError> {
            Ok(())
        }
    }

    #[test]
    fn a_verdict_that_was_not_recorded_is_no_decision() {
        let metrics = Metrics::default();
        let principal = Principal {
            name: "acme/x".into(),
            publisher: "acme".into(),
            digest: String::new(),
            version: (1, 0, 0),
            release: 1,
            dev: false,
            groups: Vec::new(),
        };
        let (subject, resource) = (Subject::new(principal, 1), Resource::parse("Path", "/a").unwrap());
        let ask = Ask { subject: &subject, action: ActionId::FsRead, resource: &resource, import: "x" };
        let verdict = Verdict::Allow(Arc::new(Reasons::default()));
        let entry = Entry { ask, verdict: &verdict, epoch: 1, delegated: None };
        assert!(metrics.counting(Arc::new(Full)).decision(&entry).is_err());
        let page = metrics.page(&Many(0));
        assert!(
            page.contains("airssys_unrecorded_total 1")
                && !page.contains("action=\"fs:read\",verdict=\"allow\"} 1"),
            "{page}"
        );
    }
}
