//! The page that Prometheus reads.

use super::{BOUNDS, Counters, MAX_COMPONENTS};
use crate::serve::control::{ComponentStatus, State};
use airssys_osl::ActionId;
use airssys_osl::gate::Outcome;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes the page.
pub(super) fn written(counters: &Arc<Counters>, mut components: Vec<ComponentStatus>, epoch: u64) -> String {
    components.sort_by(|one, other| one.name.cmp(&other.name));
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Reading { counters: Arc::clone(counters), components, epoch }));
    let mut page = String::new();
    // A string takes whatever it is given.
    let _ = text::encode(&mut page, &registry);
    page
}

#[derive(Debug)]
struct Reading {
    counters: Arc<Counters>,
    components: Vec<ComponentStatus>,
    epoch: u64,
}

/// A number of each component: its name on the page, its help, and how it is had.
type PerComponent = (&'static str, &'static str, fn(&ComponentStatus) -> u64);

const COUNTED: &[PerComponent] = &[
    ("airssys_component_restarts", "Times that a component was started again", |c| c.restarts),
    ("airssys_component_calls", "Calls and messages that a component was given", |c| c.calls),
    ("airssys_component_denials", "Denials that a component met", |c| c.denials),
    ("airssys_mailbox_dropped", "Messages dropped because a mailbox was full", |c| c.mailbox.dropped),
];

const MEASURED: &[PerComponent] = &[
    ("airssys_component_up", "1 where a component takes calls and messages", |c| {
        u64::from(matches!(c.state, State::Running | State::Reloading))
    }),
    ("airssys_component_memory_bytes", "Linear memories of a component", |c| c.memory_bytes),
    ("airssys_mailbox_depth", "Messages in a mailbox", |c| c.mailbox.depth),
    ("airssys_mailbox_capacity", "Messages that a mailbox holds at most", |c| c.mailbox.capacity),
    ("airssys_mailbox_dead_letters", "Messages given up after too many deliveries", |c| {
        c.mailbox.dead_letters
    }),
];

impl Collector for Reading {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        self.decisions(&mut to)?;
        self.latency(&mut to)?;
        let counted = [
            ("airssys_limits_exceeded", "Limits that instances exceeded", &self.counters.exceeded),
            ("airssys_unrecorded", "Records that could not be written", &self.counters.unrecorded),
        ];
        for (name, help, count) in counted {
            let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
            family.encode_counter::<NoLabelSet, _, u64>(&load(count), None)?;
        }
        to.encode_descriptor(
            "airssys_policy_epoch",
            "Epoch of the policies in force",
            None,
            MetricType::Gauge,
        )?
        .encode_gauge(&self.epoch)?;
        for row in COUNTED {
            self.per_component(&mut to, *row, MetricType::Counter)?;
        }
        MEASURED.iter().try_for_each(|row| self.per_component(&mut to, *row, MetricType::Gauge))
    }
}

impl Reading {
    fn decisions(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = to.encode_descriptor(
            "airssys_decisions",
            "Verdicts that were recorded",
            None,
            MetricType::Counter,
        )?;
        let names = ActionId::ALL.iter().map(|action| action.name()).chain(["own"]);
        for (action, row) in names.zip(&self.counters.decisions) {
            for (outcome, count) in [Outcome::Allow, Outcome::Deny, Outcome::Fault].into_iter().zip(row) {
                let labels = [("action", action), ("verdict", outcome.name())];
                family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&load(count), None)?;
            }
        }
        Ok(())
    }

    fn latency(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "airssys_decision_seconds";
        let mut family = to.encode_descriptor(name, "How long deciding took", None, MetricType::Histogram)?;
        let bounds = BOUNDS.iter().map(|bound| seconds(*bound)).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.counters.latency.iter().map(load)).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        family.encode_histogram::<NoLabelSet>(
            seconds(load(&self.counters.latency_sum)),
            count,
            &buckets,
            None,
        )
    }

    fn per_component(
        &self,
        to: &mut DescriptorEncoder<'_>,
        (name, help, value): PerComponent,
        kind: MetricType,
    ) -> fmt::Result {
        let mut family = to.encode_descriptor(name, help, None, kind)?;
        let (one_by_one, rest) = self.components.split_at(self.components.len().min(MAX_COMPONENTS));
        let named = one_by_one.iter().map(|component| (component.name.to_string(), value(component)));
        // No component is called that: names have two parts.
        let other = (!rest.is_empty()).then(|| ("other".to_owned(), rest.iter().map(value).sum()));
        for (component, value) in named.chain(other) {
            let labels = [("component", component.as_str())];
            let mut series = family.encode_family(&labels)?;
            match kind {
                MetricType::Counter => series.encode_counter::<NoLabelSet, _, u64>(&value, None)?,
                _ => series.encode_gauge(&value)?,
            }
        }
        Ok(())
    }
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
